import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeWriteV2, uncompressBlock } from '#libs/remote-write';
import { type BuiltApp, startBuiltApp } from '../support/built-app.ts';
import { eventually, freePort, getText, temporaryFolder } from '../support/processes.ts';
import { ensureBuilt } from './faulty-engine.ts';

/** A target that tells how often it was asked, so that each sample is known by its value. */
class CountingTarget {
  asked = 0;
  readonly #server = createServer((_request, response) => {
    this.asked++;
    response.setHeader('Content-Type', 'text/plain');
    response.end(`asked ${this.asked}\n`);
  });

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** A receiver that comes and goes, and remembers the values of `asked` in the order in which they came. */
class Receiver {
  readonly values: number[] = [];
  /** When scrapes failed, as `up` tells: a busy machine may let one run out of time. */
  readonly failedAt = new Set<number>();
  /** Nobody else is given it while the receiver is away. */
  port = 0;
  #server: Server | null = null;

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        this.#take(Buffer.concat(parts));
        const written = { 'X-Prometheus-Remote-Write-Samples-Written': '1' };
        response.writeHead(204, written).end();
      });
    });
    this.#server = server;
    if (this.port === 0) this.port = await freePort();
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
    this.#server = null;
  }

  #take(body: Buffer): void {
    const { batch } = decodeWriteV2(uncompressBlock(body, 16 * 1024 * 1024));
    batch.labels.forEach((labels, series) => {
      const { metricName } = labels;
      for (let i = batch.firstSample[series]!; i < batch.firstSample[series + 1]!; i++) {
        const value = batch.values[i]!;
        if (metricName === 'asked' && !Number.isNaN(value)) this.values.push(value);
        if (metricName === 'up' && value === 0) this.failedAt.add(batch.timesMs[i]!);
      }
    });
  }
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let target: CountingTarget;
let receiver: Receiver;
let collector: BuiltApp | null = null;

beforeAll(ensureBuilt);
beforeEach(async () => {
  folder = await temporaryFolder();
  target = new CountingTarget();
  receiver = new Receiver();
});
afterEach(async () => {
  await collector?.process.stop('SIGKILL');
  collector = null;
  receiver.stop();
  target.stop();
  await folder.remove();
});

async function startCollector(): Promise<BuiltApp> {
  collector = await startBuiltApp(
    'collector',
    join(folder.path, 'collector.yml'),
    join(folder.path, 'data'),
  );
  return collector;
}

async function own(name: string): Promise<number> {
  const text = (await getText(`${collector!.url}/metrics`)) ?? '';
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/**
 * Waits until everything up to a later scrape is on disk, or sent.
 * @returns the last value that is safe now, whatever happens to the collector
 */
async function untilSafe(atLeast: number): Promise<number> {
  return eventually(`the sample of scrape ${atLeast} to be safe`, async () => {
    // A scrape begins only when the one before it has been handed over.
    const handedOver = target.asked - 1;
    const waiting = await own('binnacle_output_queued');
    return handedOver >= atLeast && waiting === 0 ? handedOver : null;
  });
}

describe('a receiver that is gone for long', () => {
  it('gets every sample in its order, through two kills of the collector', async () => {
    const address = await target.start();
    await receiver.start();
    await writeFile(
      join(folder.path, 'collector.yml'),
      JSON.stringify({
        host_metrics: { enabled: false },
        scrape_configs: [
          {
            job_name: 'counting',
            scrape_interval: '200ms',
            scrape_timeout: '200ms',
            static_configs: [{ targets: [address] }],
          },
        ],
        outputs: {
          remote_write: [
            {
              url: `http://127.0.0.1:${receiver.port}/api/v1/write`,
              protobuf_message: 'io.prometheus.write.v2.Request',
              queue_config: {
                batch_send_deadline: '20ms',
                min_backoff: '20ms',
                max_backoff: '500ms',
              },
            },
          ],
        },
      }),
    );
    await startCollector();
    await eventually('samples to arrive', () => (receiver.values.length >= 5 ? true : null));
    receiver.stop();
    const safe: (readonly [from: number, to: number])[] = [[1, target.asked - 2]];
    for (let life = 0; life < 2; life++) {
      const from = target.asked + 1;
      // The first of a life may be asked for, and lost, before anything is known of it.
      const to = await untilSafe(from + 15);
      expect(await own('binnacle_output_spool_records')).toBeGreaterThan(0);
      safe.push([from, to]);
      await collector!.process.stop('SIGKILL');
      await startCollector();
    }
    const from = target.asked + 1;
    const to = await untilSafe(from + 5);
    safe.push([from, to]);
    await receiver.start();
    const untilArrived = (what: string, value: number): Promise<true> =>
      eventually(what, () => (receiver.values.some((each) => each >= value) ? true : null));
    await untilArrived('all of it to arrive', to);
    await untilArrived('new samples to arrive', target.asked + 3);
    const arrived = new Set(receiver.values);
    const lost: string[] = [];
    for (const [first, end] of safe) {
      for (let value = first; value <= end; value++) {
        if (!arrived.has(value)) lost.push(`${value} of ${first} to ${end}`);
      }
    }
    expect(lost.slice(receiver.failedAt.size)).toEqual([]);
    // A request whose answer was lost comes twice; nothing ever comes before what is older.
    const inOrder = receiver.values.filter(
      (value, i) => i === 0 || value >= receiver.values[i - 1]!,
    );
    expect(inOrder).toEqual(receiver.values);
    expect(await own('binnacle_output_dropped_total')).toBe(0);
  });
});
