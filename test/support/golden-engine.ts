import { readFileSync } from 'node:fs';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppLogger, listen } from '#libs/platform';
import { createApp } from '../../apps/alert-engine/src/app.ts';

/** A call that a real Alertmanager was asked, and its answer. */
export interface Call {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly request?: unknown;
  readonly request_raw?: string;
  readonly json?: unknown;
  readonly text?: string;
}

/** The calls in their order. @param folder the recordings */
export function readCalls(folder: string): Call[] {
  return readFileSync(join(folder, 'http-api.ndjson'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Call);
}

/** An engine under the configuration of the recordings, to which their calls can be made again. */
export class GoldenEngine {
  readonly #folder: string;
  /** Our ids of silences by those of the recording. */
  readonly #ids = new Map<string, string>();
  #home = '';
  #app: NestFastifyApplication | null = null;
  url = '';

  constructor(folder: string) {
    this.#folder = folder;
  }

  async start(): Promise<void> {
    this.#home = await mkdtemp(join(tmpdir(), 'binnacle-golden-'));
    await copyFile(join(this.#folder, 'alertmanager.yml'), join(this.#home, 'am.yml'));
    await writeFile(join(this.#home, 'engine.yml'), 'alertmanager_config: am.yml\n');
    const address = { host: '127.0.0.1', port: 0 };
    this.#app = await createApp(
      {
        configFile: join(this.#home, 'engine.yml'),
        dataDir: join(this.#home, 'data'),
        listen: address,
        logLevel: 'silent',
      },
      {},
      AppLogger.create({ app: 'test', level: 'silent' }),
    );
    const { port } = await listen(this.#app, address);
    this.url = `http://127.0.0.1:${port}`;
    while ((await fetch(`${this.url}/api/v2/alerts`)).status === 503);
  }

  async stop(): Promise<void> {
    await this.#app?.close();
    await rm(this.#home, { recursive: true });
  }

  /** The id that we gave where the recording has another; null for a text that is no such id. */
  idOf(recorded: string): string | null {
    return this.#ids.get(recorded) ?? null;
  }

  /** A text of the recording with our ids in it. */
  withOurIds(text: string): string {
    return [...this.#ids].reduce((done, [theirs, ours]) => done.replaceAll(theirs, ours), text);
  }

  /** Makes a call again. `json` is undefined where the answer is none. */
  async replay(call: Call): Promise<{ status: number; text: string; json: unknown }> {
    const response = await fetch(`${this.url}${this.withOurIds(call.path)}`, {
      method: call.method,
      ...this.#bodyOf(call),
    });
    const text = await response.text();
    const isJson = (response.headers.get('content-type') ?? '').startsWith('application/json');
    const json: unknown = isJson && text !== '' ? JSON.parse(text) : undefined;
    const [theirId, ourId] = [silenceIdOf(call.json), silenceIdOf(json)];
    if (theirId !== null && ourId !== null) this.#ids.set(theirId, ourId);
    return { status: response.status, text, json };
  }

  #bodyOf(call: Call): RequestInit {
    if (call.method === 'GET' || call.method === 'HEAD') return {};
    const written = call.request === undefined ? '' : JSON.stringify(call.request);
    const body = this.withOurIds(call.request_raw ?? written);
    if (body === '') return {};
    const type = call.name.includes('content type') ? 'text/plain' : 'application/json';
    return { body, headers: { 'content-type': type } };
  }
}

function silenceIdOf(answer: unknown): string | null {
  return typeof answer === 'object' && answer !== null && 'silenceID' in answer
    ? String(answer.silenceID)
    : null;
}
