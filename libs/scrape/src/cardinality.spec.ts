import { describe, expect, it } from '@jest/globals';
import { SCRAPE_DEFAULTS } from '#libs/discovery';
import { Labels } from '#libs/labels';
import * as fc from 'fast-check';
import { CardinalityGuard } from './cardinality-guard.ts';
import { type ScrapeResult, TargetScraper } from './index.ts';
import { SeriesRows } from './series-rows.ts';
import { StringPool } from './string-pool.ts';

const WINDOW_MS = 60_000;

function scraper(
  limits: {
    readonly perMetric?: number;
    readonly perTarget?: number;
    readonly samples?: number;
  } = {},
): TargetScraper {
  return new TargetScraper({
    targetLabels: Labels.fromRecord({ job: 'j' }),
    timeoutMs: 1_000,
    rules: {
      honorsLabels: false,
      honorsTimestamps: true,
      tracksTimestampsStaleness: false,
      hasExtraMetrics: false,
      metricRelabelRules: [],
      limits: { ...SCRAPE_DEFAULTS.limits, samples: limits.samples ?? 50_000 },
      fallbackProtocol: null,
      histograms: { readsNative: false, keepsClassic: false, convertsClassic: false, maxSchema: 8 },
    },
    cardinality: {
      newSeriesPerMetric: limits.perMetric ?? 10,
      newSeriesPerTarget: limits.perTarget ?? Infinity,
      windowMs: WINDOW_MS,
    },
  });
}

function scrape(target: TargetScraper, body: string, timeMs: number): ScrapeResult {
  return target.accept(
    {
      kind: 'response',
      status: 200,
      statusText: 'OK',
      contentType: 'text/plain',
      body: Buffer.from(body),
      durationSeconds: 0,
    },
    timeMs,
  );
}

const series = (metric: string, from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => `${metric}{id="${from + i}"} 1\n`).join('');

function count(result: ScrapeResult, metric: string): number {
  return result.batch.labels.filter((labels) => labels.metricName === metric).length;
}

describe('a metric that explodes', () => {
  it('is held at its limit, and nothing else notices', () => {
    const target = scraper();
    scrape(target, series('good', 0, 5) + series('bad', 0, 5), 1_000);
    const result = scrape(target, series('good', 0, 9) + series('bad', 0, 500), 2_000);
    expect([count(result, 'good'), count(result, 'bad'), result.isUp]).toEqual([9, 15, true]);
    expect(result.drops.guarded).toBe(485);
    expect(result.held).toEqual([{ metric: 'bad', limit: 10, sinceMs: 2_000 }]);
    // What it has goes on, although it comes with ever more.
    const next = scrape(target, series('good', 0, 9) + series('bad', 0, 900), 3_000);
    expect([count(next, 'good'), count(next, 'bad'), next.drops.guarded]).toEqual([9, 15, 885]);
  });
  it('may bring more in the next window', () => {
    const target = scraper();
    scrape(target, series('bad', 0, 1), 1_000);
    scrape(target, series('bad', 0, 100), 2_000);
    const result = scrape(target, series('bad', 0, 100), 1_000 + WINDOW_MS);
    expect(count(result, 'bad')).toBe(21);
    expect(result.held).toEqual([{ metric: 'bad', limit: 10, sinceMs: 1_000 + WINDOW_MS }]);
    const settled = scrape(target, series('bad', 0, 21), 1_000 + 2 * WINDOW_MS);
    expect([settled.held, settled.drops.guarded]).toEqual([[], 0]);
  });
  it('is what it is in its first good scrape', () => {
    const result = scrape(scraper(), series('large', 0, 5_000), 1_000);
    expect([count(result, 'large'), result.held]).toEqual([5_000, []]);
  });
  it('cannot hide behind many names', () => {
    const target = scraper({ perTarget: 50 });
    scrape(target, 'a 1\n', 1_000);
    const names = Array.from({ length: 200 }, (_, i) => `name_${i} 1\n`).join('');
    const result = scrape(target, `a 1\n${names}`, 2_000);
    expect([count(result, 'a'), result.drops.guarded]).toEqual([1, 150]);
    expect(result.held).toEqual([{ metric: '', limit: 50, sinceMs: 2_000 }]);
  });
  it('is admitted exactly up to the limit in each window, whatever the clock does', () => {
    const steps = fc.array(
      fc.record({ afterMs: fc.integer({ min: -500, max: 500 }), tries: fc.nat(9) }),
    );
    fc.assert(
      fc.property(steps, (script) => {
        const guard = new CardinalityGuard({
          newSeriesPerMetric: 7,
          newSeriesPerTarget: 1_000,
          windowMs: 1_000,
        });
        let nowMs = 0;
        let startMs = Number.NaN;
        let admitted = 0;
        for (const { afterMs, tries } of script) {
          nowMs += afterMs;
          guard.beginScrape(nowMs);
          if (!(nowMs - startMs >= 0 && nowMs - startMs < 1_000)) {
            startMs = nowMs;
            admitted = 0;
          }
          for (let i = 0; i < tries; i++) {
            const isAdmitted = guard.admits('m');
            expect(isAdmitted).toBe(admitted < 7);
            if (isAdmitted) admitted++;
          }
        }
      }),
    );
  });
});

describe('a flood', () => {
  it('is refused with its count, before a series is labelled', () => {
    let labelled = 0;
    const target = new TargetScraper({
      targetLabels: Labels.EMPTY,
      timeoutMs: 1,
      rules: {
        honorsLabels: false,
        honorsTimestamps: true,
        tracksTimestampsStaleness: false,
        hasExtraMetrics: false,
        metricRelabelRules: [],
        limits: { ...SCRAPE_DEFAULTS.limits, samples: 100 },
        fallbackProtocol: null,
        histograms: {
          readsNative: false,
          keepsClassic: false,
          convertsClassic: false,
          maxSchema: 8,
        },
      },
      intern: (text) => {
        labelled++;
        return text;
      },
    });
    const result = scrape(target, series('a', 0, 5_000), 1_000);
    expect([result.error, result.exceeded, result.samplesScraped, labelled]).toEqual([
      'sample limit exceeded',
      'samples',
      5_000,
      0,
    ]);
  });
});

describe('SeriesRows', () => {
  it('finds each label set it was given, and none it was not', () => {
    const record = fc.dictionary(
      fc.constantFrom('a', 'b', 'ab', 'c'),
      fc.constantFrom('', 'a', 'b', 'ab'),
    );
    fc.assert(
      fc.property(fc.array(record, { maxLength: 200 }), fc.func(fc.boolean()), (sets, isKept) => {
        const rows = new SeriesRows();
        const model = new Map<string, number>();
        for (const set of sets) {
          const labels = Labels.fromRecord(set);
          expect(rows.find(labels)).toBe(model.get(labels.key) ?? -1);
          if (!model.has(labels.key)) model.set(labels.key, rows.add(labels));
        }
        const marks = Int32Array.from(rows.labels, (_, row) => (isKept(row) ? 0 : -1));
        rows.keep(marks);
        for (const set of sets) {
          const labels = Labels.fromRecord(set);
          expect(rows.find(labels)).toBe(marks[model.get(labels.key)!]!);
        }
      }),
    );
  });
});

describe('StringPool', () => {
  it('gives equal texts as the string that came first, without growing for ever', () => {
    const pool = new StringPool();
    for (let i = 0; i < 200_000; i++) expect(pool.intern(`v${i}`)).toBe(`v${i}`);
    expect(pool.intern('x'.repeat(1_000))).toBe('x'.repeat(1_000));
  });
});
