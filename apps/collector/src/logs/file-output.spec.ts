import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MsgpackWriter } from '#libs/forward';
import { fileOutputsSchema } from './file-output-config.ts';
import { FileTransport, type FileTransportOptions } from './file-transport.ts';
import type { LogChunk } from './log-chunk.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'file-output-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function chunkOf(...messages: readonly string[]): LogChunk {
  const writer = new MsgpackWriter();
  for (const message of messages) {
    writer.arrayHeader(2);
    writer.eventTime(1_772_352_000, 0);
    writer.value({ level: 'info', message });
  }
  return { tag: 't', entries: Buffer.from(writer.written), count: messages.length };
}

function transportTo(over: Partial<FileTransportOptions> = {}): FileTransport {
  const path = join(folder, 'out', 'all.log');
  return new FileTransport({ path, format: 'json', maxBytes: 1e6, maxFiles: 2, ...over });
}

function read(name: string): string {
  return readFileSync(join(folder, 'out', name), 'utf8');
}

describe('a file as output', () => {
  it('gets an object a line, at its end', async () => {
    mkdirSync(join(folder, 'out'));
    writeFileSync(join(folder, 'out', 'all.log'), 'before\n');
    expect(await transportTo().deliver([chunkOf('one'), chunkOf('two\nlines')])).toEqual({
      kind: 'delivered',
    });
    const [before, ...lines] = read('all.log').trimEnd().split('\n');
    expect(before).toBe('before');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { time: '2026-03-01T08:00:00.000000000Z', tag: 't', message: 'one', level: 'info' },
      { time: '2026-03-01T08:00:00.000000000Z', tag: 't', message: 'two\nlines', level: 'info' },
    ]);
  });

  it('gets text', async () => {
    await transportTo({ format: 'text' }).deliver([chunkOf('one')]);
    expect(read('all.log')).toBe('2026-03-01T08:00:00.000000000Z t one\n');
  });

  it('is renamed when it is long enough, and the oldest is given up', async () => {
    const transport = transportTo({ format: 'text', maxBytes: 50 });
    for (const message of ['one', 'two', 'three', 'four']) {
      await transport.deliver([chunkOf(message)]);
    }
    expect(readdirSync(join(folder, 'out')).toSorted()).toEqual([
      'all.log',
      'all.log.1',
      'all.log.2',
    ]);
    expect(
      [read('all.log.2'), read('all.log.1'), read('all.log')].map((text) => text.slice(33)),
    ).toEqual(['two\n', 'three\n', 'four\n']);
  });

  it('writes over no file that cannot make room', async () => {
    const transport = transportTo({ format: 'text', maxBytes: 50 });
    for (const message of ['one', 'two']) await transport.deliver([chunkOf(message)]);
    mkdirSync(join(folder, 'out', 'all.log.2', 'not-empty'), { recursive: true });
    expect(await transport.deliver([chunkOf('three')])).toMatchObject({ kind: 'retry' });
    expect(read('all.log.1')).toContain('one');
    expect(read('all.log')).toContain('two');
  });

  it('is begun anew when somebody has taken it away', async () => {
    const transport = transportTo({ format: 'text' });
    await transport.deliver([chunkOf('one')]);
    rmSync(join(folder, 'out', 'all.log'));
    await transport.deliver([chunkOf('two')]);
    expect(read('all.log')).toContain('two');
  });

  it('is no link and no folder', async () => {
    mkdirSync(join(folder, 'out'));
    const target = join(folder, 'target');
    symlinkSync(target, join(folder, 'out', 'all.log'));
    expect(await transportTo().deliver([chunkOf('one')])).toMatchObject({ kind: 'retry' });
    expect(existsSync(target)).toBe(false);
    const inFolder = transportTo({ path: join(folder, 'out') });
    expect(await inFolder.deliver([chunkOf('one')])).toMatchObject({ kind: 'retry' });
  });
});

it('two outputs do not write to one file', () => {
  const given = [
    { name: 'a', path: 'x.log' },
    { name: 'b', path: 'x.log' },
  ];
  expect(fileOutputsSchema.safeParse(given).success).toBe(false);
  expect(fileOutputsSchema.parse([given[0]])[0]).toMatchObject({ format: 'json', max_files: 5 });
});
