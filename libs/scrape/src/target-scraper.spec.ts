import { describe, expect, it } from '@jest/globals';
import { SCRAPE_DEFAULTS } from '#libs/discovery';
import { Labels } from '#libs/labels';
import { isStaleMarker, type SampleBatch } from '#libs/samples';
import * as fc from 'fast-check';
import { type ScrapeOutcome, type ScrapeResult, type ScrapeRules, TargetScraper } from './index.ts';

const RULES: ScrapeRules = {
  honorsLabels: false,
  honorsTimestamps: true,
  tracksTimestampsStaleness: false,
  hasExtraMetrics: false,
  metricRelabelRules: [],
  limits: SCRAPE_DEFAULTS.limits,
  fallbackProtocol: null,
  histograms: { readsNative: false, keepsClassic: false, convertsClassic: false, maxSchema: 8 },
};

function scraper(rules: Partial<ScrapeRules> = {}): TargetScraper {
  const targetLabels = Labels.fromRecord({ job: 'j' });
  return new TargetScraper({ targetLabels, timeoutMs: 1_000, rules: { ...RULES, ...rules } });
}

function page(body: string, status = 200): ScrapeOutcome {
  return {
    kind: 'response',
    status,
    statusText: status === 200 ? 'OK' : 'Internal Server Error',
    contentType: 'text/plain',
    body: Buffer.from(body),
    durationSeconds: 0.5,
  };
}

const DOWN: ScrapeOutcome = { kind: 'failure', reason: 'connection refused', durationSeconds: 0 };
const REPORTS = new Set([
  'scrape_duration_seconds',
  'scrape_samples_scraped',
  'scrape_samples_post_metric_relabeling',
  'scrape_series_added',
]);

/** `name{labels} value@time` of each sample, `~` for a stale marker, without the job and the scrape_* series. */
function lines(batch: SampleBatch): string[] {
  const told: string[] = [];
  batch.labels.forEach((labels, series) => {
    if (REPORTS.has(labels.metricName)) return;
    for (let i = batch.firstSample[series]!; i < batch.firstSample[series + 1]!; i++) {
      const value = isStaleMarker(batch.values, i) ? '~' : String(batch.values[i]);
      told.push(`${labels.with('job', '').toString()} ${value}@${batch.timesMs[i]}`);
    }
  });
  return told;
}

function report(result: ScrapeResult): number[] {
  return [result.samplesScraped, result.samplesKept, result.seriesAdded];
}

describe('TargetScraper', () => {
  it('labels series with the target and reports on the scrape', () => {
    const result = scraper().accept(page('a{x="1"} 1\nb 2\n'), 1_000);
    expect(lines(result.batch)).toEqual(['a{x="1"} 1@1000', 'b 2@1000', 'up 1@1000']);
    expect(result.batch.labels.map((labels) => labels.get('job'))).toEqual(Array(7).fill('j'));
    expect(report(result)).toEqual([2, 2, 2]);
  });
  it('ends a series that is gone from the body, once', () => {
    const target = scraper();
    target.accept(page('a 1\nb 1\n'), 1_000);
    expect(lines(target.accept(page('b 2\n'), 2_000).batch)).toEqual([
      'b 2@2000',
      'a ~@2000',
      'up 1@2000',
    ]);
    expect(lines(target.accept(page('b 3\n'), 3_000).batch)).toEqual(['b 3@3000', 'up 1@3000']);
    const back = target.accept(page('a 4\nb 4\n'), 4_000);
    expect(lines(back.batch)).toEqual(['a 4@4000', 'b 4@4000', 'up 1@4000']);
    expect(back.seriesAdded).toBe(1);
  });
  it.each([
    ['cannot be reached', DOWN, 'connection refused', [0, 0, 0]],
    [
      'answers 500',
      page('', 500),
      'server returned HTTP status 500 Internal Server Error',
      [0, 0, 0],
    ],
    [
      'answers nonsense after the first line',
      page('a 7\nb{ 2\n'),
      expect.stringContaining('line 2'),
      [1, 1, 0],
    ],
  ])('ends every series when the target %s', (_name, outcome, error, counts) => {
    const target = scraper();
    target.accept(page('a 1\nb 1\n'), 1_000);
    const result = target.accept(outcome, 2_000);
    expect(lines(result.batch)).toEqual(['a ~@2000', 'b ~@2000', 'up 0@2000']);
    expect([result.isUp, result.error, report(result)]).toEqual([false, error, counts]);
    expect(lines(target.accept(page('a 2\n'), 3_000).batch)).toEqual(['a 2@3000', 'up 1@3000']);
  });
  it('ends everything, its reports too, when it is stopped', () => {
    const target = scraper();
    target.accept(page('a 1\n'), 1_000);
    expect(lines(target.stop(1_000))).toEqual(['a ~@1001', 'up ~@1001']);
    expect(target.stop(3_000).sampleCount).toBe(0);
    expect(scraper().stop(1).sampleCount).toBe(0);
  });
  it('keeps the first of a series that comes twice, however it is written', () => {
    const result = scraper().accept(page('a 1\na 2\na{} 3\n'), 1_000);
    expect(lines(result.batch)).toEqual(['a 1@1000', 'up 1@1000']);
    expect([report(result), result.drops.duplicates]).toEqual([[3, 3, 1], 2]);
  });
  it('takes timestamps of the body, in order and not from the far future, and ends none of those series', () => {
    const target = scraper();
    target.accept(page('a 1 900\nb 1\n'), 1_000);
    const second = target.accept(page('a 1 900\nb 2 999999999\nc 3 100\n'), 2_000);
    expect(lines(second.batch)).toEqual(['c 3@100', 'b ~@2000', 'up 1@2000']);
    const third = target.accept(page('a 1 800\n'), 3_000);
    expect(lines(third.batch)).toEqual(['up 1@3000']);
    expect([second.drops.outOfBounds, third.drops.outOfOrder]).toEqual([1, 1]);
  });
  it('ends series with timestamps of their own where it is told to', () => {
    const target = scraper({ tracksTimestampsStaleness: true });
    target.accept(page('a 1 900\n'), 1_000);
    expect(lines(target.accept(page('a 1 900\n'), 2_000).batch)).toEqual(['up 1@2000']);
    expect(lines(target.accept(page('b 1\n'), 3_000).batch)).toEqual([
      'b 1@3000',
      'a ~@3000',
      'up 1@3000',
    ]);
  });
  it('ignores timestamps where honor_timestamps is off', () => {
    expect(
      lines(scraper({ honorsTimestamps: false }).accept(page('a 1 5\n'), 1_000).batch),
    ).toEqual(['a 1@1000', 'up 1@1000']);
  });
  it('keeps the bits of a NaN and of the stale marker apart', () => {
    expect(lines(scraper().accept(page('a NaN\nb +Inf\n'), 1_000).batch)).toEqual([
      'a NaN@1000',
      'b Infinity@1000',
      'up 1@1000',
    ]);
  });
  it('fails over the sample limit but counts what there was', () => {
    const target = scraper({ limits: { ...SCRAPE_DEFAULTS.limits, samples: 2 } });
    target.accept(page('a 1\nb 1\n'), 1_000);
    const result = target.accept(page('a 1\nb 1\nc 1\nd 1\n'), 2_000);
    expect(lines(result.batch)).toEqual(['a ~@2000', 'b ~@2000', 'up 0@2000']);
    expect([result.error, result.exceeded, report(result)]).toEqual([
      'sample limit exceeded',
      'samples',
      [4, 4, 0],
    ]);
  });
  it.each([
    [{ labels: 1 }, 'label_limit exceeded (metric: a, number of labels: 3, limit: 1)'],
    [
      { labelNameLength: 3 },
      'label_name_length_limit exceeded (metric: a, label name: __name__, length: 8, limit: 3)',
    ],
    [
      { labelValueLength: 1 },
      'label_value_length_limit exceeded (metric: a, label name: x, value: "é", length: 2, limit: 1)',
    ],
  ])('fails over the label limit %j', (limits, error) => {
    const target = scraper({ limits: { ...SCRAPE_DEFAULTS.limits, ...limits } });
    expect(target.accept(page('a{x="é"} 1\n'), 1_000)).toMatchObject({
      isUp: false,
      error,
      exceeded: 'labels',
    });
  });
  it('adds timeout, limit and body size where extra_scrape_metrics asks for them', () => {
    const { batch } = scraper({ hasExtraMetrics: true }).accept(page('a 1\n'), 1_000);
    expect(lines(batch).slice(2)).toEqual([
      'scrape_timeout_seconds 1@1000',
      'scrape_sample_limit 50000@1000',
      'scrape_body_size_bytes 4@1000',
    ]);
  });
  it('does not remember a target whose series are new every time', () => {
    const target = scraper();
    for (let round = 0; round < 40; round++) {
      const body = Array.from({ length: 200 }, (_, i) => `a{r="${round}",i="${i}"} 1\n`).join('');
      const { batch } = target.accept(page(body), 1_000 * (round + 1));
      const stale = lines(batch).filter((line) => line.includes('~'));
      expect(stale).toHaveLength(round === 0 ? 0 : 200);
    }
    expect(target.liveSeries).toBe(200);
  });
  it('tells the same, whatever order and spelling the bodies have, as one that remembers nothing', () => {
    const series = fc.constantFrom(
      'a',
      'a{}',
      'b{x="1"}',
      'b{x="1",}',
      'c{y="2",x="1"}',
      'c{x="1",y="2"}',
      'd',
    );
    const bodies = fc.array(fc.array(series, { maxLength: 8 }), { maxLength: 6 });
    fc.assert(
      fc.property(bodies, (rounds) => {
        const target = scraper();
        let live = new Set<string>();
        rounds.forEach((names, index) => {
          const timeMs = 1_000 * (index + 1);
          const body = names.map((name, value) => `${name} ${value}\n`).join('');
          const told = lines(target.accept(page(body), timeMs).batch);
          const expected = new Map<string, number>();
          names.forEach((name, value) => {
            const canonical = name
              .replace('{}', '')
              .replace(',}', '}')
              .replace('{y="2",x="1"}', '{x="1",y="2"}')
              .replaceAll(',', ', ');
            if (!expected.has(canonical)) expected.set(canonical, value);
          });
          const fresh = [...expected].map(([name, value]) => `${name} ${value}@${timeMs}`);
          const gone = [...live]
            .filter((name) => !expected.has(name))
            .map((name) => `${name} ~@${timeMs}`);
          expect(new Set(told)).toEqual(new Set([...fresh, ...gone, `up 1@${timeMs}`]));
          live = new Set(expected.keys());
        });
      }),
    );
  });
});
