import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { type BuiltApp, startBuiltApp } from '../support/built-app.ts';
import { eventually, temporaryFolder } from '../support/processes.ts';
import { ensureBuilt } from './faulty-engine.ts';
import { NumberedSink } from './numbered-sink.ts';

/**
 * What a release left that was killed: of 30 lines, 10 were acknowledged and 20 are in its spool, in four items, of which
 * the first was acknowledged as well. Written by that release itself.
 */
const LEFT = join(import.meta.dirname, 'testdata', 'collector-logs-v1');
const ACKNOWLEDGED = 15;
const LINES = 30;

/** What that release accepts; kept here, since its reader is not in this tree any more. */
const offsetsOfVersion1 = z.object({
  version: z.literal(1),
  checkpoints: z
    .array(
      z.object({
        group: z.string(),
        path: z.string(),
        device: z.string(),
        inode: z.string(),
        fingerprint: z.object({ lengthBytes: z.int().min(0).max(4096), hash: z.string() }),
        offset: z.int().min(0),
        isInsideLongLine: z.boolean(),
        isDone: z.boolean(),
        seenMs: z.number(),
      }),
    )
    .min(1),
});

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let file: string;
let data: string;
let sink: NumberedSink;
let collector: BuiltApp | null = null;

beforeAll(ensureBuilt);
beforeEach(async () => {
  folder = await temporaryFolder();
  file = join(folder.path, 'pods', '0.log');
  data = join(folder.path, 'data', 'logs');
  mkdirSync(join(folder.path, 'pods'));
  mkdirSync(data, { recursive: true });
  writeFileSync(file, '');
  sink = new NumberedSink();
  await sink.listen();
});
afterEach(async () => {
  await collector?.process.stop('SIGKILL');
  collector = null;
  await sink.goAway();
  await folder.remove();
});

async function start(): Promise<BuiltApp> {
  const config = join(folder.path, 'collector.yml');
  const files = [{ name: 'pods', include: [file], format: 'cri' }];
  const logs = { files, scan_interval: '100ms', poll_interval: '50ms' };
  const output = { name: 'sink', port: sink.port, max_backoff: '200ms', spool: { after: '0s' } };
  // JSON is YAML.
  writeFileSync(
    config,
    JSON.stringify({ host_metrics: { enabled: false }, logs, outputs: { fluentd: [output] } }),
  );
  collector = await startBuiltApp('collector', config, join(folder.path, 'data'));
  return collector;
}

function messages(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `line ${from + i}`);
}

function write(from: number, to: number): void {
  const lines = messages(from, to).map(
    (message) => `2026-03-01T08:00:00.000000000Z stdout F ${message}\n`,
  );
  writeFileSync(file, lines.join(''), { flag: 'a' });
}

/** Puts the release's files where the collector looks, as if it had run here. */
function leaveRelease(): void {
  write(0, LINES);
  cpSync(LEFT, data, { recursive: true });
  const { dev, ino } = statSync(file);
  for (const name of ['fluentd-sink.json', 'metrics.json']) {
    const content = JSON.parse(readFileSync(join(data, name), 'utf8')) as {
      checkpoints: Record<string, unknown>[];
    };
    const [known] = content.checkpoints;
    Object.assign(known!, { path: file, device: String(dev), inode: String(ino) });
    writeFileSync(join(data, name), JSON.stringify(content));
  }
}

function spoolPath(...names: string[]): string {
  return join(data, 'spool', 'fluentd-sink', ...names);
}

async function untilArrived(expected: readonly string[]): Promise<void> {
  await eventually('the lines to arrive', () => sink.missing(expected).length === 0 || null);
}

describe('a collector that is moved to another version', () => {
  it('goes on with the offsets and the spool of the last release, without a line lost or doubled', async () => {
    leaveRelease();
    await start();
    write(LINES, LINES + 10);
    await untilArrived(messages(ACKNOWLEDGED, LINES + 10));
    expect(sink.acknowledged.size).toBe(LINES + 10 - ACKNOWLEDGED);
    expect(sink.doubled()).toEqual([]);
    expect(collector!.process.output()).not.toMatch(/not understood|kept aside/);
  });

  it('leaves offsets and a spool that the last release goes on with', async () => {
    leaveRelease();
    rmSync(spoolPath(), { recursive: true });
    const { process: running, url } = await start();
    write(LINES, LINES + 10);
    await untilArrived(messages(LINES, LINES + 10));
    await sink.goAway();
    write(LINES + 10, LINES + 20);
    await eventually('the spool to be used', async () => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return text.includes('binnacle_output_spool_records{output="fluentd-sink"} 10') || null;
    });
    await running.stop('SIGTERM');
    const { size } = statSync(file);
    for (const name of ['fluentd-sink.json', 'metrics.json']) {
      const offsets = offsetsOfVersion1.parse(JSON.parse(readFileSync(join(data, name), 'utf8')));
      expect(offsets.checkpoints).toMatchObject([{ path: file, offset: size }]);
    }
    const segment = readdirSync(spoolPath()).find((name) => name.endsWith('.spool'));
    expect(segment).toMatch(/^\d{12}\.spool$/);
    expect(readFileSync(spoolPath(segment!)).toString('latin1', 0, 4)).toBe('BSP1');
  });

  it('keeps aside what a later version wrote, says so, loses no line, and gives back the spool', async () => {
    leaveRelease();
    const segment = '000000000001.spool';
    const spooled = readFileSync(spoolPath(segment));
    const asLater = spooled.toString('latin1').replaceAll('BSP1', 'BSP2');
    writeFileSync(spoolPath(segment), asLater, 'latin1');
    for (const name of ['fluentd-sink.json', 'metrics.json']) {
      const text = readFileSync(join(data, name), 'utf8');
      writeFileSync(join(data, name), text.replace('"version":1', '"version":2'));
    }
    const { process: running } = await start();
    // From the beginning, though the configuration says otherwise of files that are not known.
    await untilArrived(messages(0, LINES));
    const output = running.output();
    expect(output).toContain('offsets of log files are not understood');
    expect(output).toContain('"reason":"newer"');
    expect(output).toContain('the spool has what a later version wrote');
    expect(readdirSync(data)).toContain('fluentd-sink.json.newer');
    const aside = '000000000001.from-416.newer';
    expect(readdirSync(spoolPath())).toEqual(expect.arrayContaining([aside]));
    await running.stop('SIGTERM');

    // The later version is back, and understands its own.
    writeFileSync(spoolPath(aside), spooled);
    await start();
    write(LINES, LINES + 10);
    await eventually(
      'the spool to be emptied',
      () => !readdirSync(spoolPath()).some((name) => /^\d/.test(name)) || null,
    );
    await untilArrived(messages(0, LINES + 10));
    // Doubled is what was not acknowledged to the version that was there before.
    await eventually(
      'what was aside to arrive',
      () => sink.doubled().length === LINES - ACKNOWLEDGED || null,
    );
    expect(sink.doubled()).toEqual(messages(ACKNOWLEDGED, LINES));
  });
});
