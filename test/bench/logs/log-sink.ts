import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { SinkReport } from './log-sink.process.ts';

/** The sink, in a process of its own so that its work is in nobody's figure. */
export class LogSink {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(): Promise<LogSink> {
    const entry = join(import.meta.dirname, 'log-sink.process.ts');
    const child = spawn(process.execPath, ['--conditions=repo-source', entry], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return new LogSink(child, port);
  }

  async report(): Promise<SinkReport> {
    this.#child.send('report');
    const [report] = (await once(this.#child, 'message')) as [SinkReport];
    return report;
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}
