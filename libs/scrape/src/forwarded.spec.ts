import { describe, expect, it } from '@jest/globals';
import { SCRAPE_DEFAULTS } from '#libs/discovery';
import { Labels } from '#libs/labels';
import type { SampleBatch } from '#libs/samples';
import { type ScrapeRules, TargetScraper } from './index.ts';

const RULES: ScrapeRules = {
  honorsLabels: false,
  honorsTimestamps: true,
  tracksTimestampsStaleness: false,
  hasExtraMetrics: false,
  metricRelabelRules: [],
  limits: SCRAPE_DEFAULTS.limits,
  fallbackProtocol: null,
  histograms: { readsNative: true, keepsClassic: false, convertsClassic: false, maxSchema: 8 },
};
const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0';

function scraper(rules: Partial<ScrapeRules> = {}): TargetScraper {
  const targetLabels = Labels.fromRecord({ job: 'j' });
  return new TargetScraper({ targetLabels, timeoutMs: 1_000, rules: { ...RULES, ...rules } });
}

function scrape(target: TargetScraper, body: string, timeMs: number, contentType = 'text/plain') {
  return target.accept(
    {
      kind: 'response',
      status: 200,
      statusText: 'OK',
      contentType,
      body: Buffer.from(body),
      durationSeconds: 0,
    },
    timeMs,
  );
}

/** Of the samples of a name: what a batch knows beside their values. */
function known(batch: SampleBatch, name: string): object[] {
  return batch.labels.flatMap((labels, series) => {
    if (labels.metricName !== name) return [];
    const sample = batch.firstSample[series]!;
    return [
      {
        metadata: batch.metadata?.[series] ?? null,
        startMs: batch.startTimesMs?.[sample] ?? 0,
        exemplars: (batch.exemplars?.get(sample) ?? []).map(
          (each) => `${each.labels.toString()} ${each.value}@${each.timeMs}`,
        ),
      },
    ];
  });
}

const withExemplars = (id: string): string =>
  `# TYPE a counter\na_total 1 # {id="${id}"} 0.5 3\n# TYPE b counter\nb_total 1 # {id="x"} 2\n# EOF\n`;

describe('what a scrape hands on beside samples', () => {
  it('is type, help and unit of each series’ family', () => {
    const target = scraper();
    const body =
      '# HELP a_seconds How long.\n# TYPE a_seconds histogram\na_seconds_bucket{le="+Inf"} 1\n' +
      'a_seconds_sum 2\n# TYPE b counter\nb 1\nc 1\n';
    const { batch } = scrape(target, body, 1_000);
    const family = { family: 'a_seconds', type: 'histogram', help: 'How long.', unit: '' };
    expect(known(batch, 'a_seconds_sum')).toMatchObject([{ metadata: family }]);
    expect(batch.metadata?.[0]).toBe(batch.metadata?.[1]);
    expect(known(batch, 'b')).toMatchObject([{ metadata: { type: 'counter', help: '' } }]);
    expect(known(batch, 'c')).toMatchObject([{ metadata: null }]);
    // They are known from then on, and read again for a series that is new.
    expect(known(scrape(target, body, 2_000).batch, 'b')).toMatchObject([
      { metadata: { family: 'b' } },
    ]);
    const more = `${body}# TYPE d gauge\nd 1\n`;
    scrape(target, more, 3_000);
    expect(known(scrape(target, more, 4_000).batch, 'd')).toMatchObject([
      { metadata: { family: 'd', type: 'gauge' } },
    ]);
  });
  it('is an exemplar once, with its own time or its sample’s', () => {
    const target = scraper();
    const first = scrape(target, withExemplars('1'), 5_000, OPEN_METRICS).batch;
    expect(known(first, 'a_total')).toMatchObject([{ exemplars: ['{id="1"} 0.5@3000'] }]);
    expect(known(first, 'b_total')).toMatchObject([{ exemplars: ['{id="x"} 2@5000'] }]);
    const second = scrape(target, withExemplars('2'), 6_000, OPEN_METRICS).batch;
    expect(known(second, 'a_total')).toMatchObject([{ exemplars: ['{id="2"} 0.5@3000'] }]);
    expect(known(second, 'b_total')).toMatchObject([{ exemplars: [] }]);
  });
  it('is when counting began', () => {
    const body = '# TYPE a counter\na_total 1\na_created 2\n# EOF\n';
    const { batch } = scrape(scraper(), body, 5_000, OPEN_METRICS);
    expect(known(batch, 'a_total')).toMatchObject([{ startMs: 2_000 }]);
    const future = body.replace('a_created 2', 'a_created 99');
    const later = scrape(scraper(), future, 5_000, OPEN_METRICS);
    expect(known(later.batch, 'a_total')).toMatchObject([{ startMs: 0 }]);
  });
});

const histograms = (maxBuckets: number, keepsClassic = false): Partial<ScrapeRules> => ({
  histograms: { readsNative: false, keepsClassic, convertsClassic: true, maxSchema: 8 },
  limits: { ...SCRAPE_DEFAULTS.limits, histogramBuckets: maxBuckets },
});

describe('histograms', () => {
  const CLASSIC =
    '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="2"} 3\nh_bucket{le="+Inf"} 4\nh_sum 9\nh_count 4\n';
  it('become native ones with custom buckets where that is asked for', () => {
    const { batch, samplesScraped } = scrape(scraper(histograms(Infinity)), CLASSIC, 1_000);
    expect(batch.labels[0]!.toString()).toBe('h{job="j"}');
    expect(batch.histograms?.[0]).toMatchObject({ count: 4, positiveBuckets: [1, 2, 1] });
    expect(batch.metadata?.[0]).toMatchObject({ family: 'h', type: 'histogram' });
    expect(samplesScraped).toBe(1);
  });
  it('stay beside them where both are wanted', () => {
    const target = scraper(histograms(Infinity, true));
    for (const timeMs of [1_000, 2_000]) {
      const { batch, samplesKept } = scrape(target, CLASSIC, timeMs);
      expect(samplesKept).toBe(6);
      expect(batch.labels.filter(({ metricName }) => metricName.startsWith('h'))).toHaveLength(6);
    }
  });
  it('fail the scrape where they cannot be made to fit', () => {
    expect(scrape(scraper(histograms(2)), CLASSIC, 1_000)).toMatchObject({
      isUp: false,
      exceeded: 'buckets',
      error: 'histogram bucket limit exceeded',
    });
  });
  it('that contradict themselves are not taken, and counted', () => {
    const falling = CLASSIC.replace('le="2"} 3', 'le="2"} 0');
    const result = scrape(scraper(histograms(Infinity)), `${falling}up_and_well 1\n`, 1_000);
    expect([result.isUp, result.drops.invalidHistograms]).toEqual([true, 1]);
    expect(result.batch.labels[0]!.metricName).toBe('up_and_well');
  });
});
