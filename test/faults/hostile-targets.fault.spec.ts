import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createGzip } from 'node:zlib';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type BuiltApp, startBuiltApp } from '../support/built-app.ts';
import { eventually, getText, temporaryFolder, untilPasses } from '../support/processes.ts';
import { ensureBuilt } from './faulty-engine.ts';

const SERIES = 1_000_000;
const LINES_AT_ONCE = 10_000;
const MIB = 2 ** 20;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let collector: BuiltApp | null = null;
let servers: Server[] = [];

beforeAll(ensureBuilt);
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  await collector?.process.stop('SIGKILL');
  collector = null;
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  servers = [];
  await folder.remove();
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function configure(targets: readonly string[]): Promise<void> {
  const config = {
    host_metrics: { enabled: false },
    outputs: { remote_write: [] },
    scrape_configs: targets.map((target, i) => ({
      job_name: `job-${i}`,
      scrape_interval: '3s',
      scrape_timeout: '3s',
      static_configs: [{ targets: [target] }],
    })),
  };
  await writeFile(join(folder.path, 'collector.yml'), JSON.stringify(config));
}

interface ToldTarget {
  readonly scrapePool: string;
  readonly health: string;
  readonly lastError: string;
}

async function told(): Promise<ReadonlyMap<string, ToldTarget>> {
  const text = (await getText(`${collector!.url}/api/v1/targets`)) ?? '';
  const { data } = JSON.parse(text) as { data: { activeTargets: ToldTarget[] } };
  return new Map(data.activeTargets.map((target) => [target.scrapePool, target]));
}

async function residentBytes(): Promise<number> {
  const status = await readFile(`/proc/${collector!.process.child.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1_024;
}

/** Lines of series that are all different, as fast as they are taken, `count` of them. */
async function flood(
  to: NodeJS.WritableStream,
  response: ServerResponse,
  count: number,
): Promise<void> {
  for (let i = 0; i < count && !response.destroyed; i += LINES_AT_ONCE) {
    let text = '';
    for (let j = i; j < i + LINES_AT_ONCE; j++) text += `flood{id="${j}",path="/x"} 1\n`;
    if (to.write(text)) continue;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        to.removeListener('drain', go);
        response.removeListener('close', go);
        resolve();
      };
      to.once('drain', go);
      response.once('close', go);
    });
  }
  to.end();
}

const GOOD: RequestListener = (_request, response) => {
  response.setHeader('Content-Type', 'text/plain').end('good 1\n');
};

const FLOODS: readonly (readonly [string, RequestListener])[] = [
  [
    'as it is',
    (_request, response) => {
      response.setHeader('Content-Type', 'text/plain');
      void flood(response, response, SERIES);
    },
  ],
  [
    'compressed',
    (_request, response) => {
      response.setHeader('Content-Type', 'text/plain').setHeader('Content-Encoding', 'gzip');
      const gzip = createGzip({ level: 1 });
      gzip.pipe(response);
      void flood(gzip, response, SERIES);
    },
  ],
  [
    'that never ends',
    (_request, response) => {
      response.setHeader('Content-Type', 'text/plain');
      void flood(response, response, Infinity);
    },
  ],
];

describe('a target that is hostile', () => {
  it.each(FLOODS)(
    'cannot take memory with an exposition of a million series %s',
    async (_how, listener) => {
      let asked = 0;
      const good = await serve(GOOD);
      const bad = await serve((request, response) => {
        asked++;
        listener(request, response);
      });
      await configure([good]);
      collector = await startBuiltApp(
        'collector',
        join(folder.path, 'collector.yml'),
        join(folder.path, 'data'),
        // As in the image, so that what is measured is what is held and not what waits to be collected.
        { NODE_OPTIONS: '--max-semi-space-size=2' },
      );
      await eventually('the good target', async () =>
        (await told()).get('job-0')?.health === 'up' ? true : null,
      );
      const before = await residentBytes();
      await configure([good, bad]);
      await fetch(`${collector.url}/-/reload`, { method: 'POST' });
      let highest = 0;
      const refused = await eventually('three refusals', async () => {
        highest = Math.max(highest, await residentBytes());
        const target = (await told()).get('job-1');
        return asked > 3 && target?.health === 'down' ? target : null;
      });
      expect(refused.lastError).toMatch(/body size limit exceeded|sample limit exceeded/);
      // On a busy machine it may run out of time now and then.
      await untilPasses(async () => expect((await told()).get('job-0')?.health).toBe('up'));
      expect((highest - before) / MIB).toBeLessThan(64);
    },
  );
  it('that drips delays nobody and is given up at its timeout', async () => {
    const good = await serve(GOOD);
    const drips = await serve((_request, response) => {
      response.setHeader('Content-Type', 'text/plain');
      const timer = setInterval(() => response.write('a'), 50);
      response.once('close', () => clearInterval(timer));
    });
    const silent = await serve(() => {});
    await configure([drips, silent, good]);
    collector = await startBuiltApp(
      'collector',
      join(folder.path, 'collector.yml'),
      join(folder.path, 'data'),
    );
    await untilPasses(async () => {
      const targets = await told();
      expect(targets.get('job-2')?.health).toBe('up');
      for (const job of ['job-0', 'job-1']) {
        expect(targets.get(job)).toMatchObject({
          health: 'down',
          lastError: 'no complete answer within 3000 ms',
        });
      }
    });
  });
});
