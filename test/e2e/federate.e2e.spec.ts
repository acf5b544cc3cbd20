import 'reflect-metadata';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import { SampleBatchBuilder } from '#libs/samples';
import { STORE_WRITER, type StoreWriter } from '../../apps/alert-engine/src/store/store-writer.ts';
import { startEngine } from '../support/engine.ts';
import { temporaryFolder } from '../support/processes.ts';

const SERIES = 60_000;
/** All series together are more than the system takes for a socket that nobody reads. */
const TEXT = 'x'.repeat(500);
const startMs = Date.now() - 10_000;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let app: NestFastifyApplication;
let url: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  ({ app, url } = await startEngine(join(folder.path, 'data')));
  const builder = new SampleBatchBuilder();
  for (let i = 0; i < SERIES; i++) {
    builder.addSeries(Labels.fromRecord({ __name__: 'large', id: String(i), text: TEXT }));
    builder.addSample(startMs, i);
  }
  builder.addSeries(Labels.fromRecord({ __name__: 'last' }));
  builder.addSample(startMs, 1);
  await app.get<StoreWriter>(STORE_WRITER, { strict: false }).append(builder.take());
});

afterAll(async () => {
  await app.close();
  await folder.remove();
});

async function ask(
  selector: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<IncomingMessage> {
  const path = `/federate?match[]=${encodeURIComponent(selector)}`;
  const [response] = (await once(get(url + path, { headers }), 'response')) as [IncomingMessage];
  return response;
}

async function bodyOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe('/federate', () => {
  it('reads no further than its client does', async () => {
    const response = await ask('{__name__=~"large|last"}');
    // Time enough for all of it, were it not for the client.
    await sleep(2_000);
    const builder = new SampleBatchBuilder();
    builder.addSeries(Labels.fromRecord({ __name__: 'last' }));
    builder.addSample(startMs + 1, 2);
    await app.get<StoreWriter>(STORE_WRITER, { strict: false }).append(builder.take());
    const body = String(await bodyOf(response));
    expect(body.match(/^large\{/gm)).toHaveLength(SERIES);
    expect(body.endsWith(`# TYPE last untyped\nlast{instance=""} 2 ${startMs + 1}\n`)).toBe(true);
  });

  it('goes on serving others when a client leaves in the middle', async () => {
    const left = await ask('large');
    left.destroy();
    const response = await ask('last');
    expect(response.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(String(await bodyOf(response))).toContain('last{instance=""} ');
  });

  it('compresses, and writes OpenMetrics, for whoever asks for it', async () => {
    const accept = 'application/openmetrics-text;version=1.0.0';
    const response = await ask('large', { accept, 'accept-encoding': 'gzip' });
    expect(response.headers).toMatchObject({
      'content-type': expect.stringContaining('application/openmetrics-text; version=1.0.0'),
      'content-encoding': 'gzip',
    });
    const body = String(gunzipSync(await bodyOf(response)));
    expect(body.match(/^large\{/gm)).toHaveLength(SERIES);
    expect(body.endsWith('\n# EOF\n')).toBe(true);
    expect(body).toMatch(/^large\{id="7",instance="",text="x+"\} 7\.0 \d+\.\d+$/m);
  });
});
