import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Labels, Matcher, matchesAll } from '#libs/labels';
import { createSampleWindow, isStaleMarker, SampleBatchBuilder, STALE_MARKER } from '#libs/samples';
import { Head, type HeadAppend } from './head.ts';
import { DEFAULT_HEAD_OPTIONS, type HeadOptions } from './head-options.ts';

const MINUTE = 60_000;
const NOW = 1_700_000_000_000;

type Row = readonly [labels: Record<string, string>, ...samples: (readonly [number, number])[]];

function batchOf(...rows: readonly Row[]): ReturnType<SampleBatchBuilder['take']> {
  const builder = new SampleBatchBuilder();
  for (const [labels, ...samples] of rows) {
    builder.addSeries(Labels.fromRecord(labels));
    for (const [timeMs, value] of samples) builder.addSample(timeMs, value);
  }
  return builder.take();
}

function headWith(options: Partial<HeadOptions> = {}): Head {
  return new Head({ ...DEFAULT_HEAD_OPTIONS, ...options });
}

function reasons({ rejected }: HeadAppend): Record<string, number> {
  return Object.fromEntries(Object.entries(rejected).filter(([, count]) => count > 0));
}

function samplesOf(head: Head, row: number, minMs = -Infinity, maxMs = Infinity): number[][] {
  const window = createSampleWindow();
  head.read(row, minMs, maxMs, window);
  const samples: number[][] = [];
  for (let i = window.start; i < window.end; i++) {
    samples.push([window.timesMs[i]!, window.values[i]!]);
  }
  return samples;
}

const up = { __name__: 'up' };

function named(name: string, namespace?: string): Record<string, string> {
  return namespace === undefined ? { __name__: name } : { __name__: name, namespace };
}

const equals = (name: string, value: string): Matcher => new Matcher(name, '=', value);

describe('appending', () => {
  it('takes a sample that is there already, bit for bit, as repeated', () => {
    const head = headWith();
    head.append(batchOf([up, [NOW, 1]]), NOW);
    const again = head.append(batchOf([up, [NOW, 1]]), NOW);
    expect(again).toMatchObject({ accepted: 0, repeated: 1, rejectedTotal: 0 });
  });
  it('refuses another value for the same time', () => {
    const head = headWith();
    head.append(batchOf([up, [NOW, 1]]), NOW);
    const other = head.append(batchOf([up, [NOW, 2]]), NOW);
    expect(reasons(other)).toEqual({ duplicate: 1 });
    expect(other.firstRejection).toEqual({ reason: 'duplicate', series: 'up', timeMs: NOW });
    expect(samplesOf(head, 0)).toEqual([[NOW, 1]]);
  });
  it('sorts in what comes late within the window and refuses what comes later still', () => {
    const head = headWith({ outOfOrderWindowMs: 5 * MINUTE });
    head.append(batchOf([up, [NOW - 2, 1], [NOW, 3]]), NOW);
    const late = head.append(batchOf([up, [NOW - 1, 2], [NOW - 6 * MINUTE, 9]]), NOW);
    expect(late.accepted).toBe(1);
    expect(reasons(late)).toEqual({ too_old: 1 });
    expect(samplesOf(head, 0)).toEqual([
      [NOW - 2, 1],
      [NOW - 1, 2],
      [NOW, 3],
    ]);
    const again = head.append(batchOf([up, [NOW - 1, 2], [NOW - 1, 5], [NOW - 2, 1]]), NOW);
    expect(again).toMatchObject({ accepted: 0, repeated: 2 });
    expect(reasons(again)).toEqual({ duplicate: 1 });
  });
  it('takes nothing out of order without a window', () => {
    const head = headWith({ outOfOrderWindowMs: 0 });
    head.append(batchOf([up, [NOW, 1]]), NOW);
    expect(reasons(head.append(batchOf([up, [NOW - 1, 1]]), NOW))).toEqual({ out_of_order: 1 });
  });
  it('bounds what it keeps out of order', () => {
    const head = headWith({ maxOutOfOrderSamples: 1 });
    head.append(batchOf([up, [NOW, 1]]), NOW);
    const late = head.append(batchOf([up, [NOW - 1, 1], [NOW - 2, 1]]), NOW);
    expect(reasons(late)).toEqual({ out_of_order_limit: 1 });
  });
  it.each([
    ['too_far_in_future', NOW + 11 * MINUTE],
    ['too_old', NOW - DEFAULT_HEAD_OPTIONS.retentionMs - 1],
    ['invalid_time', NOW + 0.5],
    ['invalid_time', Number.NaN],
    ['invalid_time', Infinity],
    ['invalid_time', -1e300],
  ])('refuses as %s a sample at %d, and creates no series for it', (reason, timeMs) => {
    const head = headWith();
    expect(reasons(head.append(batchOf([up, [timeMs, 1]]), NOW))).toEqual({ [reason]: 1 });
    expect(head.seriesCount).toBe(0);
  });
  it.each([
    ['invalid_labels', {}],
    ['invalid_labels', { job: 'no name' }],
    ['invalid_labels', { __name__: 'up', '\ud800': 'x' }],
    ['invalid_labels', { __name__: 'up', x: '\udc00' }],
    ['label_name_too_long', { __name__: 'up', ['n'.repeat(1_025)]: 'x' }],
    ['label_name_too_long', { __name__: 'up', ['é'.repeat(513)]: 'x' }],
    ['label_value_too_long', { __name__: 'up', x: 'v'.repeat(4_097) }],
    ['label_count_limit', Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`l${i}`, 'x']))],
  ] as [string, Record<string, string>][])('refuses a series for %s', (reason, labels) => {
    const head = headWith();
    expect(reasons(head.append(batchOf([labels, [NOW, 1]]), NOW))).toEqual({ [reason]: 1 });
    expect(head.seriesCount).toBe(0);
  });
  it('holds at most so many series, and goes on with those it has', () => {
    const head = headWith({ maxSeries: 1 });
    const result = head.append(batchOf([up, [NOW, 1]], [{ __name__: 'more' }, [NOW, 1]]), NOW);
    expect(reasons(result)).toEqual({ series_limit: 1 });
    expect(head.append(batchOf([up, [NOW + 1, 1]]), NOW).accepted).toBe(1);
  });
  it('refuses series beyond a budget, of the offender alone, and names it', () => {
    const head = headWith({ seriesBudgets: [{ label: 'namespace', maxSeries: 2 }] });
    const append = (...series: Record<string, string>[]): HeadAppend =>
      head.append(batchOf(...series.map((labels): Row => [labels, [NOW, 1]])), NOW);
    expect(append(named('a', 'x'), named('b', 'x'), named('a', 'y')).accepted).toBe(3);
    const over = append(
      named('c', 'x'),
      named('d', 'x'),
      named('b', 'y'),
      named('a'),
      named('b'),
      named('c'),
    );
    expect(over.accepted).toBe(4);
    expect(reasons(over)).toEqual({ series_budget: 2 });
    expect(head.offenders).toEqual([{ label: 'namespace', value: 'x', refusedSeries: 2 }]);
    const later = NOW + 60 * MINUTE;
    head.append(batchOf([named('a', 'x'), [later, 1]]), later);
    head.dropBefore(later, later);
    expect(head.append(batchOf([named('c', 'x'), [later, 1]]), later).accepted).toBe(1);
  });
  it('keeps a label called __proto__ like any other', () => {
    const head = headWith();
    const labels = Labels.fromPairs([
      ['__name__', 'up'],
      ['__proto__', 'x'],
    ]);
    const builder = new SampleBatchBuilder();
    builder.addSeries(labels);
    builder.addSample(NOW, 1);
    head.append(builder.take(), NOW);
    expect(head.lookups.series([equals('__proto__', 'x')], 0, NOW)).toEqual([labels]);
  });
});

describe('reading', () => {
  it('keeps the bits of stale markers and other NaNs, raw and encoded, in a hot loop', () => {
    const head = headWith();
    const other = new Float64Array(1);
    new Uint32Array(other.buffer).set([0xdeadbeef, 0xfff4cafe]);
    const count = 50_000;
    for (let i = 0; i < count; i++) {
      const builder = new SampleBatchBuilder();
      builder.addSeries(Labels.fromRecord(up));
      if (i % 3 === 0) builder.addSampleFrom(NOW + i, STALE_MARKER, 0);
      else if (i % 3 === 1) builder.addSampleFrom(NOW + i, other, 0);
      else builder.addSample(NOW + i, i);
      head.append(builder.take(), NOW);
    }
    const window = createSampleWindow();
    head.read(0, 0, Infinity, window);
    expect(window.end - window.start).toBe(count);
    const found = { stale: 0, others: 0, numbers: 0 };
    const words = new Uint32Array(window.values.buffer, window.values.byteOffset);
    for (let i = 0; i < count; i++) {
      const at = window.start + i;
      if (isStaleMarker(window.values, at) && i % 3 === 0) found.stale++;
      if (words[2 * at] === 0xdeadbeef && words[2 * at + 1] === 0xfff4cafe) found.others++;
      if (window.values[at] === i && i % 3 === 2) found.numbers++;
    }
    expect(found).toEqual({ stale: 16_667, others: 16_667, numbers: 16_666 });
  });
  it('gives a view without copying where the range is among the newest samples', () => {
    const head = headWith();
    for (let i = 0; i < 100; i++) head.append(batchOf([up, [NOW + i, i]]), NOW);
    const first = createSampleWindow();
    const second = createSampleWindow();
    head.read(0, NOW + 96, NOW + 98, first);
    head.read(0, NOW + 96, NOW + 98, second);
    expect(first.timesMs).toBe(second.timesMs);
    expect([first.end - first.start, first.values[first.start]]).toEqual([3, 96]);
  });
});

/** Samples of a series in a plain map: what the head must agree with. */
type Model = Map<number, number>;

describe('the head beside a naive model', () => {
  const step = fc.record({
    series: fc.nat({ max: 3 }),
    stepMs: fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(15_000, 15_001, 14_999) },
      fc.integer({ min: -6 * MINUTE, max: 6 * MINUTE }),
    ),
    value: fc.oneof(
      fc.double(),
      fc.constantFrom(0, -0, 1, Number.NaN, Infinity),
      fc.nat({ max: 5 }),
    ),
    repeat: fc.constantFrom(1, 1, 1, 30, 300),
  });
  it('accepts, refuses and gives back the same samples', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.nat(), fc.nat(), (steps, from, length) => {
        const head = headWith({ outOfOrderWindowMs: 5 * MINUTE });
        const models: Model[] = [new Map(), new Map(), new Map(), new Map()];
        const last = [-Infinity, -Infinity, -Infinity, -Infinity];
        const clock = [NOW, NOW, NOW, NOW];
        for (const { series, stepMs, value, repeat } of steps) {
          const model = models[series]!;
          for (let i = 0; i < repeat; i++) {
            clock[series]! += stepMs;
            const timeMs = clock[series]!;
            const known = model.get(timeMs);
            const labels = { __name__: 'm', s: String(series) };
            const result = head.append(batchOf([labels, [timeMs, value]]), timeMs);
            const isTaken = known === undefined && timeMs >= last[series]! - 5 * MINUTE;
            if (isTaken) {
              model.set(timeMs, value);
              last[series] = Math.max(last[series]!, timeMs);
            }
            const refusal = known === undefined ? { too_old: 1 } : { duplicate: 1 };
            const isRepeated = known !== undefined && Object.is(known, value);
            expect([result.accepted, result.repeated, reasons(result)]).toEqual([
              Number(isTaken),
              Number(isRepeated),
              isTaken || isRepeated ? {} : refusal,
            ]);
          }
        }
        for (const [series, model] of models.entries()) {
          if (model.size === 0) continue;
          const selection = head.select([equals('s', String(series))]);
          expect(selection.rows).toHaveLength(1);
          const all = [...model].toSorted((a, b) => a[0] - b[0]);
          const minMs = all[from % all.length]![0];
          const maxMs = minMs + (length % (20 * MINUTE));
          for (const [low, high] of [
            [-Infinity, Infinity],
            [minMs, maxMs],
            [minMs, Infinity],
            [maxMs, minMs - 1],
          ] as const) {
            expect(samplesOf(head, selection.rows[0]!, low, high)).toEqual(
              all.filter(([timeMs]) => timeMs >= low && timeMs <= high),
            );
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('selecting', () => {
  const value = fc.constantFrom('', 'a', 'b', 'ab', 'abc', 'x.y');
  const labelSet = fc.record({ __name__: fc.constantFrom('m', 'n'), p: value, q: value, r: value });
  const matcher = fc
    .tuple(
      fc.constantFrom('__name__', 'p', 'q', 'r', 'none'),
      fc.constantFrom('=', '!=', '=~', '!~'),
      fc.constantFrom(
        '',
        'a',
        'b',
        'm',
        '.*',
        '.+',
        'a|b',
        'a|',
        'a.*',
        '.*b',
        '[ab]+',
        'x\\.y',
        'zz',
      ),
    )
    .map(([name, kind, text]) => new Matcher(name, kind as '=', text));

  it('finds what testing every series would find, also as series come and go', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(labelSet, { maxLength: 12 }), { maxLength: 5 }),
        fc.array(fc.array(matcher, { maxLength: 3 }), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        (rounds, queries, many) => {
          const head = headWith({ retentionMs: 60 * MINUTE });
          const held = queries.map((matchers) => head.select(matchers));
          const lastSeen = new Map<string, { labels: Labels; ms: number }>();
          let nowMs = NOW;
          for (const sets of rounds) {
            // Enough series of another kind that postings are read instead of each row's label.
            const filler: Row[] = many
              ? Array.from({ length: 2_100 }, (_, i) => [{ __name__: 'f', p: `${i}` }, [nowMs, 1]])
              : [];
            const batch = batchOf(...sets.map((set): Row => [set, [nowMs, 1]]), ...filler);
            head.append(batch, nowMs);
            for (const labels of batch.labels) lastSeen.set(labels.key, { labels, ms: nowMs });
            for (const [i, matchers] of queries.entries()) {
              const expected = [...lastSeen.values()]
                .filter(({ labels }) => matchesAll(labels, matchers))
                .map(({ labels }) => labels.toString());
              const { version } = held[i]!;
              const rows = Array.from(held[i]!.rows);
              expect(rows).toEqual(rows.toSorted((a, b) => a - b));
              const found = rows.map((row) => held[i]!.labelsOf(row).toString());
              expect(found.toSorted()).toEqual(expected.toSorted());
              expect(held[i]!.version).toBe(version);
              expect(head.select(matchers)).toBe(held[i]);
              expect(head.lookups.series(matchers, 0, Infinity)).toHaveLength(expected.length);
            }
            nowMs += 45 * MINUTE;
            head.dropExpired(nowMs);
            for (const [key, { ms }] of lastSeen) {
              if (ms < nowMs - 60 * MINUTE) lastSeen.delete(key);
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });
  it('changes the version when, and only when, the rows change', () => {
    const head = headWith();
    const selection = head.select([equals('__name__', 'up')]);
    const before = selection.version;
    head.append(batchOf([{ __name__: 'other' }, [NOW, 1]]), NOW);
    expect(selection.version).toBe(before);
    head.append(batchOf([up, [NOW, 1]]), NOW);
    expect(selection.version).not.toBe(before);
    expect(Array.from(selection.rows)).toEqual([1]);
  });
});

describe('label names and values', () => {
  const head = headWith();
  head.append(
    batchOf(
      [{ __name__: 'a', job: 'x' }, [NOW, 1]],
      [{ __name__: 'a', job: 'y', zone: '1' }, [NOW + 1_000, 1]],
      [{ __name__: 'b', job: 'z' }, [NOW + 60_000, 1]],
    ),
    NOW,
  );
  it('are all there are without matchers', () => {
    expect(head.lookups.labelNames([], 0, Infinity)).toEqual(['__name__', 'job', 'zone']);
    expect(head.lookups.labelValues('job', [], 0, Infinity)).toEqual(['x', 'y', 'z']);
    expect(head.lookups.labelValues('none', [], 0, Infinity)).toEqual([]);
  });
  it('follow the matchers and the time range', () => {
    const a = [equals('__name__', 'a')];
    expect(head.lookups.labelValues('job', a, 0, Infinity)).toEqual(['x', 'y']);
    expect(head.lookups.labelValues('zone', [equals('__name__', 'b')], 0, Infinity)).toEqual([]);
    expect(head.lookups.labelNames([equals('job', 'x')], 0, Infinity)).toEqual(['__name__', 'job']);
    expect(head.lookups.labelValues('job', [], NOW + 500, NOW + 5_000)).toEqual(['y']);
    expect(head.lookups.labelNames([], NOW + 30_000, Infinity)).toEqual(['__name__', 'job']);
    expect(head.lookups.series(a, NOW + 500, Infinity)).toHaveLength(1);
  });
  it('are counted by where they come from', () => {
    expect(head.lookups.cardinality(1)).toMatchObject({
      seriesCountByMetricName: [{ name: 'a', value: 2 }],
      labelValueCountByLabelName: [{ name: 'job', value: 3 }],
      seriesCountByLabelValuePair: [{ name: '__name__=a', value: 2 }],
    });
  });
});

describe('retention', () => {
  it('keeps memory flat while series come and go for a week', () => {
    const head = headWith({ retentionMs: 60 * MINUTE });
    const held = head.select([equals('__name__', 'churn')]);
    let bytes = 0;
    for (let hour = 0; hour < 7 * 24; hour++) {
      const nowMs = NOW + hour * 60 * MINUTE;
      const rows = Array.from({ length: 200 }, (_, i): Row => [
        // A tenth of the names is new every hour.
        { __name__: 'churn', pod: `pod-${i % 10 === 0 ? hour : 0}-${i}` },
        ...Array.from({ length: 60 }, (__, k) => [nowMs + k * MINUTE, k] as const),
      ]);
      head.append(batchOf(...rows), nowMs + 60 * MINUTE);
      head.dropExpired(nowMs + 60 * MINUTE);
      expect(head.seriesCount).toBeLessThanOrEqual(220);
      expect(held.rows).toHaveLength(head.seriesCount);
      expect(Math.max(...held.rows)).toBeLessThan(260);
      if (hour === 24) bytes = head.sampleBytes;
    }
    expect(head.sampleBytes).toBeLessThanOrEqual(bytes * 1.1);
    expect(head.labelPairCount).toBeLessThan(300);
  });
  it('shows a removed row as empty, not as the series that gets its number next', () => {
    const head = headWith({ retentionMs: MINUTE });
    head.append(batchOf([up, [NOW, 1]]), NOW);
    const selection = head.select([equals('__name__', 'up')]);
    const [row] = selection.rows;
    head.dropExpired(NOW + 2 * MINUTE);
    head.append(batchOf([{ __name__: 'next' }, [NOW + 2 * MINUTE, 7]]), NOW + 2 * MINUTE);
    expect(samplesOf(head, row!)).toEqual([]);
    expect(selection.rows).toHaveLength(0);
  });
});
