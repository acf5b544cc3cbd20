import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Labels, Matcher } from '#libs/labels';
import { MemoryBlockFiles, MemorySegmentStore, NO_PAUSES, type Timer } from '#libs/tsdb';
import { lineBatchOf, type PlainLine } from './line-batch.ts';
import { LogStore } from './log-store.ts';
import type { LogStoreOptions } from './log-store-options.ts';
import type { LogReadRequest } from './log-source.ts';

const NOW_MS = 1_700_000_000_000;
const NOW_NS = BigInt(NOW_MS) * 1_000_000n;
const SECOND = 1_000_000_000n;
const EVERYTHING = { startNs: 0n, endNs: 2n ** 63n - 1n };

/** A clock that stands still, and alarms that ring at once. */
function stillTimer(): Timer & { nowMsValue: number } {
  return {
    nowMsValue: NOW_MS,
    nowMs() {
      return this.nowMsValue;
    },
    after(_delayMs, run) {
      const handle = setImmediate(run);
      return () => clearImmediate(handle);
    },
  };
}

interface Opened {
  readonly store: LogStore;
  readonly segments: MemorySegmentStore;
  readonly blocks: MemoryBlockFiles;
  readonly timer: ReturnType<typeof stillTimer>;
}

async function openStore(
  options: Partial<LogStoreOptions> = {},
  segments = new MemorySegmentStore(),
  blocks = new MemoryBlockFiles(),
  timer = stillTimer(),
): Promise<Opened> {
  const store = new LogStore(segments, blocks, timer, NO_PAUSES, options);
  await store.open();
  return { store, segments, blocks, timer };
}

const web = Labels.fromRecord({ app: 'web' });
const db = Labels.fromRecord({ app: 'db', level: 'error' });

function line(seconds: number, text: string, metadata?: Record<string, string>): PlainLine {
  const timeNs = NOW_NS + BigInt(Math.round(seconds * 1e9));
  if (metadata === undefined) return { timeNs, line: text };
  return { timeNs, line: text, metadata: new Map(Object.entries(metadata)) };
}

async function texts(store: LogStore, request: Partial<LogReadRequest> = {}): Promise<string[]> {
  const found: string[] = [];
  const whole: LogReadRequest = { matchers: [], ...EVERYTHING, direction: 'forward', ...request };
  for await (const batch of store.read(whole)) {
    for (let i = 0; i < batch.count; i++) {
      found.push(batch.bytes.toString('utf8', batch.starts[i], batch.ends[i]));
    }
  }
  return found;
}

describe('LogStore', () => {
  it('gives lines back in order of time, in both directions', async () => {
    const { store } = await openStore();
    const lines = [line(0, 'a'), line(1, 'b'), line(2, 'c'), line(1.5, 'between')];
    await store.append(lineBatchOf([{ labels: web, lines }]));
    expect(await texts(store)).toEqual(['a', 'b', 'between', 'c']);
    expect(await texts(store, { direction: 'backward' })).toEqual(['c', 'between', 'b', 'a']);
  });
  it('reads a range without its end', async () => {
    const { store } = await openStore();
    const lines = [line(0, 'a'), line(1, 'b'), line(2, 'c')];
    await store.append(lineBatchOf([{ labels: web, lines }]));
    const range = { startNs: NOW_NS, endNs: NOW_NS + 2n * SECOND };
    expect(await texts(store, range)).toEqual(['a', 'b']);
    expect(await texts(store, { ...range, direction: 'backward' })).toEqual(['b', 'a']);
  });
  it('takes a line that is there already once', async () => {
    const { store } = await openStore();
    const batch = lineBatchOf([{ labels: web, lines: [line(0, 'a'), line(0, 'b'), line(0, 'a')] }]);
    expect(await store.append(batch)).toMatchObject({ accepted: 2, repeated: 1 });
    expect(await store.append(batch)).toMatchObject({ accepted: 0, repeated: 3 });
    expect(await texts(store)).toEqual(['a', 'b']);
  });
  it('reads a line once that lies in a block and in memory', async () => {
    const { store } = await openStore();
    const batch = lineBatchOf([{ labels: web, lines: [line(0, 'a'), line(1, 'b')] }]);
    await store.append(batch);
    await store.moveToBlock();
    await store.append(batch);
    await store.append(lineBatchOf([{ labels: web, lines: [line(2, 'c')] }]));
    expect(await texts(store)).toEqual(['a', 'b', 'c']);
    expect(await texts(store, { direction: 'backward' })).toEqual(['c', 'b', 'a']);
  });
  it('keeps structured metadata', async () => {
    const { store } = await openStore();
    const lines = [
      line(0, 'a', { pod: 'web-1' }),
      line(1, 'b'),
      line(2, 'c', { trace: '__proto__' }),
    ];
    await store.append(lineBatchOf([{ labels: web, lines }]));
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
        { labels: web, lines: [line(0, 'a')] },
        { labels: db, lines: [line(1, 'b')] },
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
    await store.append(lineBatchOf([{ labels: web, lines: [line(0, 'a')] }]));
    await store.append(
      lineBatchOf([
        { labels: db, lines: [line(0, 'x')] },
        { labels: web, lines: [line(1, 'b')] },
      ]),
    );
    end();
    await store.append(lineBatchOf([{ labels: web, lines: [line(2, 'c')] }]));
    expect(heard).toEqual(['a', 'b']);
  });
});

/** Lines in small numbers, so that times and texts coincide. */
const arbitraryLine = fc.record({
  stream: fc.nat(2),
  second: fc.nat(40),
  text: fc.oneof(fc.constantFrom('a', 'b', ''), fc.string({ maxLength: 60, unit: 'grapheme' })),
  pod: fc.option(fc.constantFrom('p1', 'p2')),
});
const arbitraryStep = fc.oneof(
  { weight: 5, arbitrary: fc.array(arbitraryLine, { minLength: 1, maxLength: 20 }) },
  { weight: 1, arbitrary: fc.constant('move' as const) },
  { weight: 1, arbitrary: fc.constant('restart' as const) },
);
const streams = [web, db, Labels.fromRecord({ app: 'cache' })];

describe('a log store and a list of lines', () => {
  it('say the same, whatever is appended, moved and restarted', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(arbitraryStep, { maxLength: 12 }),
        fc.record({ from: fc.nat(40), length: fc.nat(45), isForward: fc.boolean() }),
        fc.constantFrom('', 'a', 'bcdefgh'),
        async (steps, { from, length, isForward }, needle) => {
          // Chunks of a few lines, so that they overlap.
          const options = { chunkBytes: 200 };
          let { store, segments, blocks } = await openStore(options);
          const model: { stream: number; second: number; text: string; pod: string | null }[] = [];
          for (const step of steps) {
            if (step === 'move') await store.moveToBlock();
            else if (step === 'restart') {
              await store.close();
              segments = segments.powerCut();
              blocks = blocks.restarted();
              ({ store } = await openStore(options, segments, blocks));
            } else {
              const batch = lineBatchOf(
                streams.map((labels, stream) => ({
                  labels,
                  lines: step
                    .filter((one) => one.stream === stream)
                    .map(({ second, text, pod }) =>
                      line(second, text, pod === null ? undefined : { pod }),
                    ),
                })),
              );
              const report = await store.append(batch);
              expect(report.rejectedTotal).toBe(0);
              for (const one of step) {
                const isThere = model.some(
                  ({ stream, second, text }) =>
                    stream === one.stream && second === one.second && text === one.text,
                );
                if (!isThere) model.push(one);
              }
            }
          }
          const startNs = NOW_NS + BigInt(from) * SECOND;
          const endNs = startNs + BigInt(length) * SECOND;
          const found: string[] = [];
          let before = isForward ? -1n : 2n ** 63n;
          const request: LogReadRequest = {
            matchers: [],
            startNs,
            endNs,
            direction: isForward ? 'forward' : 'backward',
            ...(needle === '' ? {} : { mustContain: [Buffer.from(needle)] }),
          };
          for await (const batch of store.read(request)) {
            const first = batch.timesNs[0]!;
            // Batches come in order of their first lines.
            expect(isForward ? first >= before : first <= before).toBe(true);
            before = first;
            for (let i = 0; i < batch.count; i++) {
              const time = batch.timesNs[i]!;
              if (i > 0) {
                const previous = batch.timesNs[i - 1]!;
                expect(isForward ? time >= previous : time <= previous).toBe(true);
              }
              const text = batch.bytes.toString('utf8', batch.starts[i], batch.ends[i]);
              if (!text.includes(needle)) continue;
              found.push(`${batch.stream.labels.get('app')} ${(time - NOW_NS) / SECOND} ${text}`);
            }
          }
          const expected = model
            .filter(({ second, text }) => {
              return second >= from && second < from + length && text.includes(needle);
            })
            .map(({ stream, second, text }) => `${streams[stream]!.get('app')} ${second} ${text}`);
          expect(found.toSorted()).toEqual(expected.toSorted());
          await store.close();
        },
      ),
      { numRuns: 150 },
    );
  });
});
