import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  eventually,
  freePort,
  getText,
  startProcess,
  temporaryFolder,
} from '../support/processes.ts';

/** What the HTTP API answers to a query. */
export interface QueryBody {
  readonly status: 'success' | 'error';
  readonly data?: { readonly resultType: string; readonly result: unknown };
  readonly errorType?: string;
  readonly error?: string;
}

/** A real Prometheus of one test, which writes and asks through HTTP. */
export class PeerPrometheus {
  readonly #url: string;
  readonly #stop: () => Promise<void>;

  private constructor(url: string, stop: () => Promise<void>) {
    this.#url = url;
    this.#stop = stop;
  }

  static async start(program: string): Promise<PeerPrometheus> {
    const folder = await temporaryFolder();
    const port = await freePort();
    const configFile = join(folder.path, 'prometheus.yml');
    await writeFile(configFile, '{}');
    const running = startProcess(program, [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(folder.path, 'data')}`,
      '--storage.tsdb.retention.time=100y',
      `--web.listen-address=127.0.0.1:${port}`,
      '--web.enable-remote-write-receiver',
    ]);
    const stop = async (): Promise<void> => {
      await running.stop();
      await folder.remove();
    };
    const url = `http://127.0.0.1:${port}`;
    try {
      await eventually('Prometheus to be ready', () => getText(`${url}/-/ready`));
    } catch (error) {
      await stop();
      throw new Error(running.output(), { cause: error });
    }
    return new PeerPrometheus(url, stop);
  }

  /** @param message a compressed remote-write message */
  async write(message: Uint8Array<ArrayBuffer>): Promise<void> {
    const response = await fetch(`${this.#url}/api/v1/write`, {
      method: 'POST',
      headers: {
        'content-encoding': 'snappy',
        'content-type': 'application/x-protobuf',
        'x-prometheus-remote-write-version': '0.1.0',
      },
      body: message,
    });
    if (!response.ok) throw new Error(`Prometheus: ${response.status} ${await response.text()}`);
  }

  async ask(path: 'query' | 'query_range', parameters: Record<string, string>): Promise<QueryBody> {
    const response = await fetch(`${this.#url}/api/v1/${path}`, {
      method: 'POST',
      body: new URLSearchParams(parameters),
    });
    return (await response.json()) as QueryBody;
  }

  async stop(): Promise<void> {
    await this.#stop();
  }
}
