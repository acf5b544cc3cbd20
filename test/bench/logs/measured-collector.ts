import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  eventually,
  freePort,
  getText,
  type RunningProcess,
  startProcess,
} from '../../support/processes.ts';
import { COLLECTOR_ENV } from '../contender.ts';

/** CPU time of a process is counted in these; Linux says 100 to a second to all programs. */
const TICKS_PER_SECOND = 100;

export interface CollectorLaunch {
  /** The collector's built main.js. */
  readonly program: string;
  readonly folder: string;
  readonly config: unknown;
  /** For the runtime, such as --cpu-prof. */
  readonly nodeArgs: readonly string[];
}

/** The built collector in a process of its own, and what Linux says of it. */
export class MeasuredCollector {
  readonly #process: RunningProcess;
  readonly #url: string;
  readonly #dataDir: string;

  private constructor(running: RunningProcess, url: string, dataDir: string) {
    this.#process = running;
    this.#url = url;
    this.#dataDir = dataDir;
  }

  static async start({
    program,
    folder,
    config,
    nodeArgs,
  }: CollectorLaunch): Promise<MeasuredCollector> {
    await mkdir(folder, { recursive: true });
    const configFile = join(folder, 'collector.yml');
    await writeFile(configFile, JSON.stringify(config));
    const dataDir = join(folder, 'data');
    const port = await freePort();
    const args = ['--config', configFile, '--data', dataDir, '--listen', `127.0.0.1:${port}`];
    const running = startProcess(process.execPath, [...nodeArgs, program, ...args], {
      env: COLLECTOR_ENV,
    });
    // Not even a harness that fails leaves it behind.
    process.once('exit', () => running.child.kill('SIGKILL'));
    const url = `http://127.0.0.1:${port}`;
    await eventually(`the collector to be ready; it said: ${running.output()}`, () => {
      if (running.child.exitCode !== null) throw new Error(running.output());
      return getText(`${url}/readyz`);
    });
    return new MeasuredCollector(running, url, dataDir);
  }

  /** User and system time of all its threads since the start, in seconds. */
  async cpuSeconds(): Promise<number> {
    const text = await readFile(`/proc/${this.#process.child.pid}/stat`, 'utf8');
    // The program's name is in brackets and may hold blanks; user time is the 12th field after it.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  /** The most memory it has had. */
  async peakResidentMiB(): Promise<number> {
    const text = await readFile(`/proc/${this.#process.child.pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(text)?.[1]) / 1024;
  }

  /** Bytes before which everything is acknowledged, over all files of an output, as they are on disk. */
  async durableBytes(output: string): Promise<number> {
    const file = join(this.#dataDir, 'logs', `${output}.json`);
    const text = await readFile(file, 'utf8').catch(() => null);
    if (text === null) return 0;
    const { checkpoints } = JSON.parse(text) as { checkpoints: readonly { offset: number }[] };
    return checkpoints.reduce((sum, { offset }) => sum + offset, 0);
  }

  /** The share of a core it takes over some seconds in which the caller does what it likes. */
  async coreShare(meanwhile: () => Promise<void>): Promise<number> {
    const startedMs = performance.now();
    const before = await this.cpuSeconds();
    await meanwhile();
    const used = (await this.cpuSeconds()) - before;
    return used / ((performance.now() - startedMs) / 1_000);
  }

  /** The sum of all its own samples with that name. */
  async metric(name: string): Promise<number> {
    const text = (await getText(`${this.#url}/metrics`)) ?? '';
    let sum = 0;
    for (const line of text.split('\n')) {
      const next = line[name.length];
      if (line.startsWith(name) && (next === ' ' || next === '{')) {
        sum += Number(line.slice(line.lastIndexOf(' ') + 1));
      }
    }
    return sum;
  }

  async stop(): Promise<void> {
    await this.#process.stop('SIGTERM');
  }
}
