import { describe, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import { MemorySegmentStore } from '#libs/record-log';
import { SampleBatchBuilder, STALE_MARKER } from '#libs/samples';
import { TimeSeriesStore } from '#libs/tsdb';
import { scrapedTargets, targetToJson } from './scraped-targets.ts';

const NOW_MS = Date.UTC(2026, 0, 1);

/** A store in which each target has the given values of `up`, the last one `ageMs` ago, 15 s apart; `s` is a stale marker. */
async function storeWith(targets: Record<string, { ups: string; ageMs?: number }>) {
  const store = new TimeSeriesStore(new MemorySegmentStore(), {
    nowMs: () => NOW_MS,
    after: () => () => {},
  });
  await store.open();
  const builder = new SampleBatchBuilder();
  for (const [instance, { ups, ageMs = 0 }] of Object.entries(targets)) {
    const labels = Labels.fromRecord({ __name__: 'up', job: 'shop', instance });
    builder.addSeries(labels);
    ups.split('').forEach((mark, i) => {
      const timeMs = NOW_MS - ageMs - (ups.length - 1 - i) * 15_000;
      if (mark === 's') builder.addSampleFrom(timeMs, STALE_MARKER, 0);
      else builder.addSample(timeMs, Number(mark));
    });
    builder.addSeries(labels.with('__name__', 'scrape_duration_seconds'));
    builder.addSample(NOW_MS - ageMs, 0.25);
  }
  store.append(builder.take());
  return store;
}

describe('scrapedTargets', () => {
  it('tells health, last scrape, duration and interval from the samples of a target', async () => {
    const store = await storeWith({ 'a:80': { ups: '011' }, 'b:80': { ups: '110' } });
    const found = await scrapedTargets(store, NOW_MS);
    expect(found.map(({ labels, isUp }) => [labels.get('instance'), isUp])).toEqual([
      ['a:80', true],
      ['b:80', false],
    ]);
    expect(found[0]).toMatchObject({
      lastScrapeMs: NOW_MS,
      lastDurationSeconds: 0.25,
      intervalMs: 15_000,
    });
  });

  it('leaves out targets that ended, and those not heard of for five minutes', async () => {
    const store = await storeWith({
      'ended:80': { ups: '11s' },
      'lost:80': { ups: '11', ageMs: 301_000 },
    });
    expect(await scrapedTargets(store, NOW_MS)).toEqual([]);
  });

  it('writes them as Prometheus does, without making up what it does not know', async () => {
    const store = await storeWith({ 'a:80': { ups: '10' }, node: { ups: '1' } });
    const [a, node] = (await scrapedTargets(store, NOW_MS)).map(targetToJson);
    expect(a).toEqual({
      discoveredLabels: {},
      labels: { instance: 'a:80', job: 'shop' },
      scrapePool: 'shop',
      scrapeUrl: 'http://a:80/metrics',
      globalUrl: 'http://a:80/metrics',
      lastError: expect.stringContaining('/api/v1/targets'),
      lastScrape: '2026-01-01T00:00:00.000Z',
      lastScrapeDuration: 0.25,
      health: 'down',
      scrapeInterval: '15s',
      scrapeTimeout: '',
    });
    expect(node).toMatchObject({ scrapeUrl: '', lastError: '', scrapeInterval: '' });
  });
});
