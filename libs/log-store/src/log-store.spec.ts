import { describe, expect, it } from '@jest/globals';
import { Matcher } from '#libs/labels';
import { lineBatchOf, type PlainLine } from './line-batch.ts';
import { DB, EVERYTHING, line, NOW_NS, openStore, SECOND, texts, WEB } from './store-in-memory.ts';

/** Some hundred kilobytes of lines. */
function long(stream: string): PlainLine[] {
  return Array.from({ length: 4_000 }, (_, i) =>
    line(i / 100, `${stream} ${i} ${'x'.repeat(100)}`),
  );
}

describe('LogStore', () => {
  it('gives lines back in order of time, in both directions', async () => {
    const { store } = await openStore();
    const lines = [line(0, 'a'), line(1, 'b'), line(2, 'c'), line(1.5, 'between')];
    await store.append(lineBatchOf([{ labels: WEB, lines }]));
    expect(await texts(store)).toEqual(['a', 'b', 'between', 'c']);
    expect(await texts(store, { direction: 'backward' })).toEqual(['c', 'between', 'b', 'a']);
  });
  it('reads a range without its end', async () => {
    const { store } = await openStore();
    const lines = [line(0, 'a'), line(1, 'b'), line(2, 'c')];
    await store.append(lineBatchOf([{ labels: WEB, lines }]));
    const range = { startNs: NOW_NS, endNs: NOW_NS + 2n * SECOND };
    expect(await texts(store, range)).toEqual(['a', 'b']);
    expect(await texts(store, { ...range, direction: 'backward' })).toEqual(['b', 'a']);
  });
  it('takes a line that is there already once', async () => {
    const { store } = await openStore();
    const batch = lineBatchOf([{ labels: WEB, lines: [line(0, 'a'), line(0, 'b'), line(0, 'a')] }]);
    expect(await store.append(batch)).toMatchObject({ accepted: 2, repeated: 1 });
    expect(await store.append(batch)).toMatchObject({ accepted: 0, repeated: 3 });
    expect(await texts(store)).toEqual(['a', 'b']);
  });
  it('reads a line once that lies in a block and in memory', async () => {
    const { store } = await openStore();
    const batch = lineBatchOf([{ labels: WEB, lines: [line(0, 'a'), line(1, 'b')] }]);
    await store.append(batch);
    await store.moveToBlock();
    await store.append(batch);
    await store.append(lineBatchOf([{ labels: WEB, lines: [line(2, 'c')] }]));
    expect(await texts(store)).toEqual(['a', 'b', 'c']);
    expect(await texts(store, { direction: 'backward' })).toEqual(['c', 'b', 'a']);
  });
  it('gives a reader what there was, though it is compressed before it is read', async () => {
    const { store } = await openStore();
    await store.append(lineBatchOf([{ labels: WEB, lines: long('web') }]));
    await store.append(lineBatchOf([{ labels: DB, lines: long('db') }]));
    const read = store.read({ matchers: [], ...EVERYTHING, direction: 'forward' });
    const first = await read.next();
    await store.moveToBlock();
    await store.append(lineBatchOf([{ labels: DB, lines: [line(50, 'later')] }]));
    const found = new Set<string>();
    for (let next = first; next.done !== true; next = await read.next()) {
      const { bytes, starts, ends, count } = next.value;
      for (let i = 0; i < count; i++) found.add(bytes.toString('utf8', starts[i], ends[i]));
    }
    expect(found).toEqual(new Set([...long('web'), ...long('db')].map((one) => one.line)));
  });
  it('keeps structured metadata', async () => {
    const { store } = await openStore();
    const lines = [
      line(0, 'a', { pod: 'web-1' }),
      line(1, 'b'),
      line(2, 'c', { trace: '__proto__' }),
    ];
    await store.append(lineBatchOf([{ labels: WEB, lines }]));
    await store.moveToBlock();
    const found: unknown[] = [];
    for await (const batch of store.read({ matchers: [], ...EVERYTHING, direction: 'forward' })) {
      for (let i = 0; i < batch.count; i++) {
        const pairs = batch.metadataOf(i);
        found.push(pairs === null ? null : Object.fromEntries(pairs));
      }
    }
    expect(found).toEqual([{ pod: 'web-1' }, null, { trace: '__proto__' }]);
  });
  it('finds streams by their labels', async () => {
    const { store } = await openStore();
    await store.append(
      lineBatchOf([
        { labels: WEB, lines: [line(0, 'a')] },
        { labels: DB, lines: [line(1, 'b')] },
      ]),
    );
    await store.moveToBlock();
    const range = [EVERYTHING.startNs, EVERYTHING.endNs] as const;
    const ofDb = await store.streams([new Matcher('app', '=~', 'd.')], ...range);
    expect(ofDb.map(({ labels }) => labels.toString())).toEqual(['{app="db", level="error"}']);
    expect(await store.streams([new Matcher('level', '=', '')], ...range)).toHaveLength(1);
    expect(await store.streams([], NOW_NS + SECOND, NOW_NS + 2n * SECOND)).toHaveLength(1);
    expect(await texts(store, { matchers: [new Matcher('app', '!=', 'db')] })).toEqual(['a']);
    const volume = await store.volume([], ...range);
    expect(volume.map(({ bytes, lines, chunks }) => ({ bytes, lines, chunks }))).toEqual([
      { bytes: 1, lines: 1, chunks: 1 },
      { bytes: 1, lines: 1, chunks: 1 },
    ]);
  });
  it('tells subscribers of what comes in', async () => {
    const { store } = await openStore();
    const heard: string[] = [];
    const end = store.subscribe([new Matcher('app', '=', 'web')], (batch) => {
      for (let i = 0; i < batch.count; i++) {
        heard.push(batch.bytes.toString('utf8', batch.starts[i], batch.ends[i]));
      }
    });
    await store.append(lineBatchOf([{ labels: WEB, lines: [line(0, 'a')] }]));
    await store.append(
      lineBatchOf([
        { labels: DB, lines: [line(0, 'x')] },
        { labels: WEB, lines: [line(1, 'b')] },
      ]),
    );
    end();
    await store.append(lineBatchOf([{ labels: WEB, lines: [line(2, 'c')] }]));
    expect(heard).toEqual(['a', 'b']);
  });
});
