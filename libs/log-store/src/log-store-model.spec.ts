import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Labels } from '#libs/labels';
import { lineBatchOf } from './line-batch.ts';
import type { LogReadRequest } from './log-source.ts';
import type { LogStore } from './log-store.ts';
import { DB, line, NOW_NS, openStore, SECOND, WEB } from './store-in-memory.ts';

interface ModelLine {
  readonly stream: number;
  readonly second: number;
  readonly text: string;
  readonly pod: string | null;
}

const STREAMS = [WEB, DB, Labels.fromRecord({ app: 'cache' })];
/** Lines in small numbers, so that times and texts coincide. */
const arbitraryLine: fc.Arbitrary<ModelLine> = fc.record({
  stream: fc.nat(2),
  second: fc.nat(40),
  text: fc.oneof(fc.constantFrom('a', 'b', ''), fc.string({ maxLength: 60, unit: 'grapheme' })),
  pod: fc.option(fc.constantFrom('p1', 'p2')),
});
const arbitraryStep = fc.oneof(
  { weight: 5, arbitrary: fc.array(arbitraryLine, { minLength: 1, maxLength: 20 }) },
  { weight: 3, arbitrary: fc.constant('move' as const) },
  { weight: 1, arbitrary: fc.constant('join' as const) },
  { weight: 1, arbitrary: fc.constant('restart' as const) },
);
const arbitraryRead = fc.record({
  from: fc.nat(40),
  length: fc.nat(45),
  isForward: fc.boolean(),
  needle: fc.constantFrom('', 'a', 'bcdefgh'),
});
type Read = typeof arbitraryRead extends fc.Arbitrary<infer T> ? T : never;

/** Does the steps to a store with chunks of a few lines, so that they overlap, and to a list. */
async function storeAndModel(
  steps: readonly (readonly ModelLine[] | 'move' | 'join' | 'restart')[],
): Promise<{ store: LogStore; model: readonly ModelLine[] }> {
  const options = { chunkBytes: 200, leastJoinedBlocks: 2 };
  let { store, segments, blocks } = await openStore(options);
  const model: ModelLine[] = [];
  for (const step of steps) {
    if (step === 'move') {
      await store.moveToBlock();
    } else if (step === 'join') {
      await store.maintain();
    } else if (step === 'restart') {
      await store.close();
      segments = segments.powerCut();
      blocks = blocks.restarted();
      ({ store } = await openStore(options, segments, blocks));
    } else {
      await store.append(batchOf(step));
      for (const one of step) if (!model.some((other) => isSame(one, other))) model.push(one);
    }
  }
  return { store, model };
}

function batchOf(lines: readonly ModelLine[]): ReturnType<typeof lineBatchOf> {
  return lineBatchOf(
    STREAMS.map((labels, stream) => ({
      labels,
      lines: lines
        .filter((one) => one.stream === stream)
        .map(({ second, text, pod }) => line(second, text, pod === null ? undefined : { pod })),
    })),
  );
}

function isSame(a: ModelLine, b: ModelLine): boolean {
  return a.stream === b.stream && a.second === b.second && a.text === b.text;
}

/** What the store reads, as `app second text`, and whether batches and lines came in order. */
async function readAll(
  store: LogStore,
  { from, length, isForward, needle }: Read,
): Promise<{ found: string[]; isInOrder: boolean }> {
  const startNs = NOW_NS + BigInt(from) * SECOND;
  const request: LogReadRequest = {
    matchers: [],
    startNs,
    endNs: startNs + BigInt(length) * SECOND,
    direction: isForward ? 'forward' : 'backward',
    mustContain: needle === '' ? [] : [Buffer.from(needle)],
  };
  const found: string[] = [];
  const firsts: bigint[] = [];
  let isInOrder = true;
  for await (const batch of store.read(request)) {
    firsts.push(batch.timesNs[0]!);
    isInOrder &&= isSorted([...batch.timesNs], isForward);
    for (let i = 0; i < batch.count; i++) {
      const text = batch.bytes.toString('utf8', batch.starts[i], batch.ends[i]);
      const second = (batch.timesNs[i]! - NOW_NS) / SECOND;
      if (text.includes(needle)) found.push(`${batch.stream.labels.get('app')} ${second} ${text}`);
    }
  }
  return { found, isInOrder: isInOrder && isSorted(firsts, isForward) };
}

function isSorted(times: readonly bigint[], isForward: boolean): boolean {
  return times.every((time, i) => {
    const before = times[i - 1] ?? time;
    return isForward ? before <= time : before >= time;
  });
}

describe('a log store and a list of lines', () => {
  it('say the same, whatever is appended, moved and restarted', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(arbitraryStep, { maxLength: 12 }),
        arbitraryRead,
        async (steps, read) => {
          const { store, model } = await storeAndModel(steps);
          const { from, length, needle } = read;
          const expected = model
            .filter(({ second }) => second >= from && second < from + length)
            .filter(({ text }) => text.includes(needle))
            .map(({ stream, second, text }) => `${STREAMS[stream]!.get('app')} ${second} ${text}`);
          const { found, isInOrder } = await readAll(store, read);
          await store.close();
          expect(found.toSorted()).toEqual(expected.toSorted());
          expect(isInOrder).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  });
});
