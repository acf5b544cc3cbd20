import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat as statOf, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DataDirectoryError,
  ensureDataDirectory,
  FileBlockFiles,
  FileSegmentStore,
  FileSnapshots,
  FileSpoolFiles,
  lockDirectory,
  writeFileAtomically,
} from './index.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'binnacle-files-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function readAll(store: FileSegmentStore, sequence: number): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of store.read(sequence)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('latin1');
}

describe('FileBlockFiles', () => {
  it('lists a block once it is committed, whole, and gives back any part of it', async () => {
    const files = new FileBlockFiles(directory);
    const sink = await files.create('00000001.block');
    await sink.append(Buffer.from('hello '));
    await sink.append(Buffer.from('world'));
    expect((await readdir(directory)).filter((name) => name.endsWith('.block'))).toEqual([]);
    await sink.commit();
    expect(await files.list()).toEqual([{ name: '00000001.block', bytes: 11 }]);
    const handle = await files.open('00000001.block');
    expect(handle.bytes).toBe(11);
    expect((await handle.read(6, 5)).toString()).toBe('world');
    await expect(handle.read(6, 6)).rejects.toThrow('00000001.block ends before byte 12');
    await files.remove('00000001.block');
    expect((await handle.read(0, 5)).toString()).toBe('hello');
    await handle.close();
    expect(await files.list()).toEqual([]);
  });
  it('leaves nothing of a block that is given up, nor of one that was interrupted', async () => {
    const files = new FileBlockFiles(directory);
    const sink = await files.create('00000001.block');
    await sink.append(Buffer.from('x'));
    await sink.abort();
    expect(await readdir(directory)).toEqual([]);
    await writeFile(join(directory, '00000002.block.tmp'), 'half');
    await writeFile(join(directory, 'notes.txt'), 'not ours');
    expect(await files.list()).toEqual([]);
    expect(await readdir(directory)).toEqual(['notes.txt']);
  });
  it('sets a block aside under another name', async () => {
    const files = new FileBlockFiles(directory);
    await writeFile(join(directory, '00000003.block'), 'damaged');
    await files.setAside('00000003.block');
    expect(await files.list()).toEqual([]);
    expect(await readdir(directory)).toEqual(['00000003.block.corrupt']);
    await writeFile(join(directory, '00000003.block'), 'damaged, too');
    await files.setAside('00000003.block');
    expect((await readdir(directory)).toSorted()).toEqual([
      '00000003.block.2.corrupt',
      '00000003.block.corrupt',
    ]);
  });
  it('keeps marks', async () => {
    const files = new FileBlockFiles(directory);
    expect(await files.readMarks()).toBeNull();
    await files.writeMarks('one');
    await files.writeMarks('two');
    expect(await files.readMarks()).toBe('two');
    expect(await files.list()).toEqual([]);
  });
});

describe('FileSegmentStore', () => {
  it('gives back what was appended, in ascending order of segments', async () => {
    const store = new FileSegmentStore(directory);
    await store.create(2);
    await store.append(2, Buffer.from('two'));
    await store.create(10);
    await store.append(10, Buffer.from('te'));
    await store.append(10, Buffer.from('n'));
    await store.sync(10);
    await store.close(2);
    await store.close(10);
    await store.close(10);
    await writeFile(join(directory, 'something else'), 'x');
    expect(await store.list()).toEqual([
      { sequence: 2, bytes: 3 },
      { sequence: 10, bytes: 3 },
    ]);
    expect(await readAll(store, 10)).toBe('ten');
  });
  it('reads a segment larger than a chunk', async () => {
    const store = new FileSegmentStore(directory);
    const content = 'abcdefg'.repeat(400_000);
    await store.create(1);
    await store.append(1, Buffer.from(content));
    await store.close(1);
    expect(await readAll(store, 1)).toBe(content);
  });
  it('never writes to a segment that exists', async () => {
    const store = new FileSegmentStore(directory);
    await store.create(1);
    await store.close(1);
    await expect(store.create(1)).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(store.append(1, Buffer.from('x'))).rejects.toThrow('not open for writing');
  });
  it('cuts, removes and sets aside, and keeps the first copy', async () => {
    const store = new FileSegmentStore(directory);
    await store.create(1);
    await store.append(1, Buffer.from('damaged'));
    await store.close(1);
    await store.setAside(1);
    await store.truncate(1, 3);
    await store.setAside(1);
    expect(await readAll(store, 1)).toBe('dam');
    await store.remove(1);
    await store.remove(1);
    expect(await readdir(directory)).toEqual(['00000001.log.corrupt']);
    expect(await readFile(join(directory, '00000001.log.corrupt'), 'utf8')).toBe('damaged');
    expect(await store.list()).toEqual([]);
  });
  it('knows how much room there is', async () => {
    const { freeBytes, totalBytes } = await new FileSegmentStore(directory).space();
    expect(freeBytes).toBeGreaterThan(0);
    expect(totalBytes).toBeGreaterThanOrEqual(freeBytes);
  });
});

describe('lockDirectory', () => {
  it('lets one in at a time', async () => {
    const lock = await lockDirectory(directory);
    await expect(lockDirectory(directory)).rejects.toThrow(DataDirectoryError);
    await expect(lockDirectory(directory)).rejects.toThrow(/is in use by the process \d+/);
    await lock.release();
    await lock.release();
    const next = await lockDirectory(directory);
    await lock.release();
    await expect(lockDirectory(directory)).rejects.toThrow(DataDirectoryError);
    await next.release();
    expect(await readdir(directory)).toEqual([]);
  });
  it('is not blocked by a lock that a killed process left behind', async () => {
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    await once(other, 'spawn');
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    const stat = await readFile(`/proc/${other.pid}/stat`, 'utf8');
    const started = `${boot}/${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
    const held = JSON.stringify({ pid: other.pid, started });
    await writeFile(join(directory, 'lock'), held);
    await expect(lockDirectory(directory)).rejects.toThrow(`in use by the process ${other.pid}`);
    other.kill('SIGKILL');
    await once(other, 'exit');
    const lock = await lockDirectory(directory);
    await lock.release();
  });
  it.each([
    ['another process that has the number now', { pid: 1, started: 'another boot/1' }],
    ['a number that no process has', { pid: 2 ** 22 + 1, started: 'x/1' }],
    ['something that is not a lock', 'garbage'],
    ['an empty file', ''],
    ['a number out of range', { pid: -1, started: null }],
  ])('is not blocked by %s', async (_, content) => {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    await writeFile(join(directory, 'lock'), text);
    await (await lockDirectory(directory)).release();
    expect(await readdir(directory)).toEqual([]);
  });
  it('lets exactly one of many in', async () => {
    await writeFile(join(directory, 'lock'), 'left over');
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, () => lockDirectory(directory)),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});

describe('writeFileAtomically', () => {
  it('replaces content and leaves nothing else behind', async () => {
    const path = join(directory, 'state.json');
    await writeFileAtomically(path, 'one');
    await writeFileAtomically(path, Buffer.from('two'));
    expect(await readFile(path, 'utf8')).toBe('two');
    expect(await readdir(directory)).toEqual(['state.json']);
  });
  it('keeps the old content, and no rubbish, when it fails', async () => {
    const path = join(directory, 'taken');
    await mkdir(path);
    await writeFile(join(path, 'inside'), 'x');
    await expect(writeFileAtomically(path, 'new')).rejects.toThrow('directory');
    expect(await readdir(directory)).toEqual(['taken']);
  });
});

describe('ensureDataDirectory', () => {
  it('makes the whole path', async () => {
    await ensureDataDirectory(join(directory, 'a', 'b'));
    expect(await readdir(join(directory, 'a', 'b'))).toEqual([]);
  });
  it('says in one sentence what is wrong', async () => {
    const file = join(directory, 'file');
    await writeFile(file, '');
    await expect(ensureDataDirectory(file)).rejects.toThrow(
      `The data directory ${file} cannot be used: it is a file, not a directory.`,
    );
    await expect(ensureDataDirectory(join(file, 'below'))).rejects.toThrow(
      'a part of the path is not a directory.',
    );
    await expect(ensureDataDirectory('/proc/binnacle/x')).rejects.toThrow(DataDirectoryError);
  });
});

function failing(code: string): () => Promise<never> {
  return () => Promise.reject(Object.assign(new Error(code), { code }));
}

describe('FileSnapshots', () => {
  const INSIDE = ['a', 'b'];
  const pathOf = (name: string): string => join(directory, 'copies', name, ...INSIDE, '1.block');
  beforeEach(async () => {
    await mkdir(join(directory, 'blocks'));
    await writeFile(join(directory, 'blocks', '1.block'), 'one');
  });
  const snapshots = (link?: () => Promise<void>): FileSnapshots =>
    new FileSnapshots(join(directory, 'copies'), join(directory, 'blocks'), INSIDE, link);

  it('shares files with the blocks, and shows a copy once it is whole', async () => {
    await snapshots().clear();
    const copy = await snapshots().begin('one');
    await copy.take('1.block');
    const sink = await copy.files.create('2.block');
    await sink.append(Buffer.from('two'));
    await sink.commit();
    expect(await copy.files.list()).toEqual([
      { name: '1.block', bytes: 3 },
      { name: '2.block', bytes: 3 },
    ]);
    expect(await readdir(join(directory, 'copies'))).toEqual(['one.tmp']);
    await copy.commit();
    expect(await readdir(join(directory, 'copies'))).toEqual(['one']);
    expect((await statOf(pathOf('one'))).ino).toBe(
      (await statOf(join(directory, 'blocks', '1.block'))).ino,
    );
    expect(await readdir(join(directory, 'blocks'))).toEqual(['1.block']);
  });

  it('copies where there are no hard links, and only then', async () => {
    const copy = await snapshots(failing('EXDEV')).begin('one');
    await copy.take('1.block');
    await copy.commit();
    expect(await readFile(pathOf('one'), 'utf8')).toBe('one');
    expect((await statOf(pathOf('one'))).nlink).toBe(1);
    const other = await snapshots(failing('ENOSPC')).begin('two');
    await expect(other.take('1.block')).rejects.toThrow('ENOSPC');
  });

  it('leaves nothing of a copy that is given up, nor of one that was interrupted', async () => {
    const given = await snapshots().begin('given');
    await given.take('1.block');
    await given.abort();
    expect(await readdir(join(directory, 'copies'))).toEqual([]);
    const whole = await snapshots().begin('whole');
    await whole.commit();
    const interrupted = await snapshots().begin('interrupted');
    await interrupted.take('1.block');
    await snapshots().clear();
    expect(await readdir(join(directory, 'copies'))).toEqual(['whole']);
    expect(await readFile(join(directory, 'blocks', '1.block'), 'utf8')).toBe('one');
  });
});

describe('FileSpoolFiles', () => {
  it('sets a segment aside with its number and how far it was acknowledged', async () => {
    const files = new FileSpoolFiles(directory);
    await files.append(7, [Buffer.from('seven')]);
    await files.append(8, [Buffer.from('eight')]);
    await files.setAside(7, 3);
    expect(await files.list()).toEqual([{ number: 8, sizeBytes: 5 }]);
    const again = new FileSpoolFiles(directory);
    const [aside] = await again.listAside();
    expect(aside).toMatchObject({ number: 7, fromOffset: 3, sizeBytes: 5 });
    expect((await again.readAside(aside!.name, 3, 10)).toString()).toBe('en');
    await again.removeAside(aside!.name);
    expect(await again.listAside()).toEqual([]);
    expect((await again.readAside(aside!.name, 0, 10)).length).toBe(0);
  });
});
