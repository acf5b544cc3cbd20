import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { MemoryStateStore, SqliteStateStore, type StateStore, StateStoreError } from './index.ts';

let directory = '';
let path = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'binnacle-state-'));
  path = join(directory, 'state.db');
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe.each(['sqlite', 'memory'])('a state store (%s)', (kind) => {
  const openStore = async (): Promise<StateStore> =>
    kind === 'sqlite' ? SqliteStateStore.open(path) : new MemoryStateStore();

  it('gives back what was applied, area by area', async () => {
    const store = await openStore();
    await store.apply([
      { area: 'rules', key: 'a', value: '1' },
      { area: 'rules', key: 'b', value: '2' },
      { area: 'offsets', key: 'a', value: '☃' },
    ]);
    await store.apply([
      { area: 'rules', key: 'a', value: null },
      { area: 'rules', key: 'b', value: '3' },
      { area: 'rules', key: '__proto__', value: '4' },
    ]);
    expect(await store.load('rules')).toEqual(
      new Map([
        ['__proto__', '4'],
        ['b', '3'],
      ]),
    );
    expect(await store.load('offsets')).toEqual(new Map([['a', '☃']]));
    expect(await store.load('none')).toEqual(new Map());
    await store.close();
  });
  it('refuses work after it is closed, and closes twice', async () => {
    const store = await openStore();
    await store.close();
    await store.close();
    await expect(store.load('rules')).rejects.toThrow(StateStoreError);
    await expect(store.apply([{ area: 'a', key: 'k', value: 'v' }])).rejects.toThrow(
      StateStoreError,
    );
  });
});

describe('SqliteStateStore', () => {
  it('keeps everything over a restart, however many changes came at once', async () => {
    const store = await SqliteStateStore.open(path);
    const all = Array.from({ length: 500 }, (_, i) =>
      store.apply([{ area: 'log', key: `k${i}`, value: `${i}` }]),
    );
    await Promise.all(all);
    await store.close();
    const next = await SqliteStateStore.open(path);
    expect((await next.load('log')).size).toBe(500);
    expect(next.setAside).toEqual([]);
    await next.close();
  });
  it('reads what was asked to be written before', async () => {
    const store = await SqliteStateStore.open(path);
    const writing = store.apply([{ area: 'a', key: 'k', value: 'v' }]);
    expect(await store.load('a')).toEqual(new Map([['k', 'v']]));
    await writing;
    await store.close();
  });
  it('finishes what is being written when it is closed', async () => {
    const store = await SqliteStateStore.open(path);
    const writing = store.apply([{ area: 'a', key: 'k', value: 'v' }]);
    await store.close();
    await writing;
    const next = await SqliteStateStore.open(path);
    expect(await next.load('a')).toEqual(new Map([['k', 'v']]));
    await next.close();
  });
  it.each([
    ['no database', async () => writeFile(path, 'this is not a database at all'.repeat(100))],
    [
      'a damaged page',
      async () => {
        const store = await SqliteStateStore.open(path);
        const value = 'v'.repeat(500);
        const keys = Array.from({ length: 200 }, (_, i) => ({ area: 'a', key: `k${i}`, value }));
        await store.apply(keys);
        await store.close();
        const bytes = await readFile(path);
        await writeFile(path, bytes.fill(0x55, 5_000, 9_000));
      },
    ],
  ])('sets aside what is %s and starts afresh', async (_, damage) => {
    await damage();
    const damaged = await readFile(path);
    for (const aside of ['state.db.corrupt', 'state.db.1.corrupt']) {
      const store = await SqliteStateStore.open(path);
      expect(store.setAside).toEqual([join(directory, aside)]);
      await store.apply([{ area: 'a', key: 'k', value: 'v' }]);
      expect((await store.load('a')).size).toBe(1);
      await store.close();
      expect(await readFile(join(directory, aside))).toEqual(damaged);
      await writeFile(path, damaged);
    }
    expect(await readdir(directory)).toContain('state.db.corrupt');
  });
  it('does not touch what a newer version has written', async () => {
    const database = new DatabaseSync(path);
    database.exec('PRAGMA user_version = 99');
    database.close();
    await expect(SqliteStateStore.open(path)).rejects.toThrow('newer version');
    expect(await readdir(directory)).toEqual(['state.db']);
  });
  it('says why it cannot be opened', async () => {
    await expect(SqliteStateStore.open(join(directory, 'none', 'state.db'))).rejects.toThrow(
      'the state cannot be opened: unable to open database file',
    );
  });
});
