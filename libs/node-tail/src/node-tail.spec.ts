import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { Checkpoint, LogFileHandle } from '#libs/log-tail';
import { type FileGroup, FileCheckpointStore, isAcceptedPattern, NodeLogFiles } from './index.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'node-tail-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function filesOf(group: Partial<FileGroup> = {}): NodeLogFiles {
  const include = [join(folder, 'logs', '**', '*.log')];
  return new NodeLogFiles([{ name: 'g', include, exclude: [], ...group }]);
}

/** Node can't make pipes. */
function makePipe(path: string): void {
  execFileSync('sh', ['-c', 'mkfifo "$0"', path]);
}

function write(path: string, text: string): string {
  const full = join(folder, path);
  mkdirSync(join(full, '..'), { recursive: true });
  writeFileSync(full, text);
  return full;
}

describe('files by pattern', () => {
  it('are found as shells find them, and again when names come and go', async () => {
    const paths = [
      'a/b/0.log',
      'a/c/1.log',
      'a/c/d/2.log',
      'e/3.log',
      '.hidden/4.log',
      'a/b/x.txt',
    ];
    for (const path of paths) write(`logs/${path}`, 'x');
    const found = async (pattern: string): Promise<string[]> => {
      const include = [join(folder, 'logs', pattern)];
      const files = new NodeLogFiles([{ name: 'g', include, exclude: [] }]);
      const all = await files.find('g');
      return all.map(({ path }) => path.slice(folder.length + 6)).toSorted();
    };
    expect(await found('**/*.log')).toEqual(['a/b/0.log', 'a/c/1.log', 'a/c/d/2.log', 'e/3.log']);
    expect(await found('a/*/*.log')).toEqual(['a/b/0.log', 'a/c/1.log']);
    expect(await found('{a/b,e}/[0-3].log')).toEqual(['a/b/0.log', 'e/3.log']);
    expect(await found('.hidden/?.log')).toEqual(['.hidden/4.log']);
    expect(await found('a/b/**')).toEqual(['a/b/0.log', 'a/b/x.txt']);
    expect(await found('e/3.log')).toEqual(['e/3.log']);
    const files = filesOf();
    const first = await files.find('g');
    await new Promise((resolve) => setTimeout(resolve, 50));
    write('logs/e/5.log', 'x');
    rmSync(join(folder, 'logs/a'), { recursive: true });
    const second = await files.find('g');
    expect(first).toHaveLength(4);
    expect(second.map(({ path }) => path.slice(folder.length + 6)).toSorted()).toEqual([
      'e/3.log',
      'e/5.log',
    ]);
  });

  it('are the regular ones, with their identity, without the excluded', async () => {
    write('logs/a/0.log', 'one\n');
    write('logs/b/new\nline.log', 'two\n');
    write('logs/b/skipped.log', 'x');
    write('logs/b/other.txt', 'x');
    mkdirSync(join(folder, 'logs/folder.log'));
    makePipe(join(folder, 'logs/pipe.log'));
    const found = await filesOf({ exclude: [join(folder, '**', 'skipped*')] }).find('g');
    expect(found.map(({ path }) => path.slice(folder.length)).toSorted()).toEqual([
      '/logs/a/0.log',
      '/logs/b/new\nline.log',
    ]);
    expect(found.find(({ path }) => path.endsWith('0.log'))).toMatchObject({ sizeBytes: 4 });
    expect(found[0]!.inode).toMatch(/^\d+$/);
  });

  it('are counted beyond as many as are looked at', async () => {
    for (let i = 0; i < 5; i++) write(`logs/${i}.log`, 'x');
    const include = [join(folder, 'logs', '*.log'), join(folder, 'logs', '0.log')];
    const files = new NodeLogFiles([{ name: 'g', include, exclude: [] }], null, 3);
    expect(await files.find('g')).toHaveLength(3);
    expect(files.ignoredFiles('g')).toBe(2);
  });

  it('are none where the folder is missing', async () => {
    expect(await filesOf().find('g')).toEqual([]);
  });

  it('have siblings that begin with their name', async () => {
    const path = write('logs/0.log', '');
    write('logs/0.log.1', '');
    write('logs/1.log', '');
    const siblings = await filesOf().siblings(path);
    expect(siblings.map((file) => file.path)).toEqual([`${path}.1`]);
    expect(await filesOf().siblings('/none/x.log')).toEqual([]);
  });
});

describe('an open file', () => {
  it('stays the same when its name goes to another, and says when it has none', async () => {
    const path = write('logs/0.log', 'one\n');
    const files = filesOf();
    const handle = await files.open('g', path);
    renameSync(path, `${path}.1`);
    write('logs/0.log', 'two\n');
    appendFileSync(`${path}.1`, 'late\n');
    const buffer = Buffer.alloc(20);
    expect(await handle.read(buffer, 1, 10, 4)).toBe(5);
    expect(buffer.toString('utf8', 1, 6)).toBe('late\n');
    expect(handle.stat()).toMatchObject({ sizeBytes: 9, isLinked: true });
    rmSync(`${path}.1`);
    expect(handle.stat().isLinked).toBe(false);
    const [found] = await files.find('g');
    expect(found!.inode).not.toBe(handle.id.inode);
    await handle.close();
    expect(() => handle.stat()).toThrow('unreadable');
  });

  it('is neither a pipe nor missing', async () => {
    mkdirSync(join(folder, 'logs'));
    const pipe = join(folder, 'logs/pipe.log');
    makePipe(pipe);
    const files = filesOf();
    await expect(files.open('g', pipe)).rejects.toMatchObject({ code: 'not_a_file' });
    await expect(files.open('g', join(folder, 'logs/no.log'))).rejects.toMatchObject({
      code: 'missing',
    });
  });

  it('lies below the pattern, also through links, unless a link target is allowed', async () => {
    const secret = write('elsewhere/secret', 'secret\n');
    const inside = write('logs/real/0.log', 'x');
    const link = join(folder, 'logs/link.log');
    const fine = join(folder, 'logs/fine.log');
    symlinkSync(secret, link);
    symlinkSync(inside, fine);
    const files = filesOf();
    await expect(files.open('g', link)).rejects.toMatchObject({ code: 'outside_root' });
    await (await files.open('g', fine)).close();
    const allowed = filesOf({ linkTargets: [join(folder, 'elsewhere')] });
    await (await allowed.open('g', link)).close();
  });
});

async function opened(bytes: Buffer): Promise<LogFileHandle> {
  const path = write('logs/0.log.20260301-080000.gz', '');
  writeFileSync(path, bytes);
  return filesOf().open('g', path);
}

describe('a compressed file', () => {
  const text = Array.from({ length: 400_000 }, (_, i) => `line ${i}\n`).join('');

  it('is read as it was, also a little back and from the front again', async () => {
    const handle = await opened(gzipSync(text));
    const buffer = Buffer.alloc(100_000);
    let found = '';
    for (let at = 0; ; at += 70_000) {
      expect(handle.stat().sizeBytes).toBeGreaterThanOrEqual(at);
      const count = await handle.read(buffer, 0, 70_000, at);
      found += buffer.toString('latin1', 0, count);
      if (count < 70_000) break;
      expect(await handle.read(buffer, 0, 10, at + 60_000)).toBe(10);
    }
    expect(found === text).toBe(true);
    expect(handle.stat()).toMatchObject({ sizeBytes: text.length, isLinked: true });
    expect(await handle.read(buffer, 0, 10, text.length)).toBe(0);
    expect(await handle.read(buffer, 0, 7, 0)).toBe(7);
    expect(buffer.toString('latin1', 0, 7)).toBe('line 0\n');
    await handle.close();
  });

  it('that is damaged ends where it is, with an error', async () => {
    const packed = gzipSync(text);
    const handle = await opened(packed.subarray(0, packed.length / 2));
    const buffer = Buffer.alloc(100_000);
    const read = async (): Promise<number> => {
      let at = 0;
      for (;;) {
        const count = await handle.read(buffer, 0, buffer.length, at);
        at += count;
        if (count < buffer.length) return at;
      }
    };
    await expect(read()).rejects.toMatchObject({ code: 'unreadable' });
    const { sizeBytes } = handle.stat();
    expect(sizeBytes).toBeGreaterThan(0);
    expect(sizeBytes).toBeLessThan(text.length);
    await handle.close();
  });
});

describe('patterns', () => {
  it.each([
    ['/var/log/*.log', true],
    ['/var/log/app.log', true],
    ['relative/*.log', false],
    ['/*', false],
    ['/**/*.log', false],
    ['/var/log/\0.log', false],
  ])('%j: %s', (pattern, expected) => {
    expect(isAcceptedPattern(pattern)).toBe(expected);
  });
});

describe('watching', () => {
  it('says that something happened in a folder with log files', async () => {
    const path = write('logs/0.log', 'one\n');
    const kinds: string[] = [];
    const { promise: changed, resolve: wake } = Promise.withResolvers<void>();
    const include = [join(folder, 'logs', '*.log')];
    const files = new NodeLogFiles([{ name: 'g', include, exclude: [] }], (kind) => {
      kinds.push(kind);
      wake();
    });
    await files.find('g');
    appendFileSync(path, 'two\n');
    await changed;
    expect(kinds).toContain('content');
    files.close();
  });

  describe('of folders that have been quiet for long', () => {
    const LONG_AGO = new Date(Date.now() - 60_000);
    let files: NodeLogFiles;
    /** What is found once it is the same as wanted, or at last. */
    const foundIn = async (wanted: readonly string[]): Promise<string[]> => {
      let names: string[] = [];
      for (const deadline = Date.now() + 30_000; Date.now() < deadline;) {
        names = (await files.find('g')).map(({ path }) => path.slice(folder.length + 6)).toSorted();
        if (isDeepStrictEqual(names, wanted)) break;
        await sleep(50);
      }
      return names;
    };

    beforeEach(async () => {
      write('logs/pod/main/0.log', 'one\n');
      write('logs/other/main/0.log', 'one\n');
      for (const name of ['pod/main', 'pod', 'other/main', 'other', '']) {
        utimesSync(join(folder, 'logs', name), LONG_AGO, LONG_AGO);
      }
      const include = [join(folder, 'logs', '*', '*', '*.log')];
      files = new NodeLogFiles([{ name: 'g', include, exclude: [] }], () => {});
      // Looked at, watched, looked at again: from here on they are known to be quiet.
      for (let look = 0; look < 3; look++) {
        await foundIn(['other/main/0.log', 'pod/main/0.log']);
        await sleep(50);
      }
    });
    afterEach(() => files.close());

    it.each([
      [
        'a file in a folder with files',
        () => write('logs/pod/main/1.log', ''),
        ['other/main/0.log', 'pod/main/0.log', 'pod/main/1.log'],
      ],
      [
        'a folder in a folder of folders',
        () => write('logs/pod/side/0.log', ''),
        ['other/main/0.log', 'pod/main/0.log', 'pod/side/0.log'],
      ],
      [
        'another folder at the place of one',
        () => {
          renameSync(join(folder, 'logs/pod'), join(folder, 'away'));
          write('logs/pod/main/2.log', '');
        },
        ['other/main/0.log', 'pod/main/2.log'],
      ],
      [
        'a folder that goes',
        () => rmSync(join(folder, 'logs/pod'), { recursive: true }),
        ['other/main/0.log'],
      ],
    ])('%s is seen', async (_what, change, wanted) => {
      change();
      expect(await foundIn(wanted)).toEqual(wanted);
      // And what happens after that.
      write('logs/other/main/3.log', '');
      const more = [...wanted, 'other/main/3.log'].toSorted();
      expect(await foundIn(more)).toEqual(more);
    });
  });
});

describe('checkpoints in a file', () => {
  const checkpoint: Checkpoint = {
    group: 'g',
    path: '/logs/0.log',
    device: '1',
    inode: '18446744073709551615',
    fingerprint: { lengthBytes: 3, hash: 'abc' },
    offset: 42,
    isInsideLongLine: false,
    isDone: false,
    seenMs: 1.5,
  };

  it('come back as they were saved', async () => {
    const path = join(folder, 'state', 'tail.json');
    expect(await new FileCheckpointStore(path).load()).toEqual([]);
    await new FileCheckpointStore(path).save([checkpoint]);
    await new FileCheckpointStore(path).save([{ ...checkpoint, offset: 43 }]);
    expect(await new FileCheckpointStore(path).load()).toEqual([{ ...checkpoint, offset: 43 }]);
  });

  it.each([
    ['', 'damaged'],
    ['{"version":1,"checkp', 'damaged'],
    ['{"version":9,"checkpoints":[]}', 'newer'],
    ['{"version":0,"checkpoints":[]}', 'damaged'],
    ['[1]', 'damaged'],
  ])('are set aside when the file is not understood: %j', async (text, reason) => {
    const path = write('tail.json', text);
    const told: unknown[] = [];
    const store = new FileCheckpointStore(path, (...what) => told.push(what));
    expect(await store.load()).toBeNull();
    expect(told).toEqual([[`${path}.${reason}`, reason]]);
    expect(readFileSync(`${path}.${reason}`, 'utf8')).toBe(text);
    // The process may end before anything is saved.
    expect(await store.load()).toBeNull();
    await store.save([checkpoint]);
    expect(await new FileCheckpointStore(path).load()).toHaveLength(1);
  });
});
