import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { alignScrapeTimeMs, nextScrapeMs, scrapeHeaders, spreadOffsetMs } from './index.ts';

describe('the schedule', () => {
  it('gives each target its own place in the interval, always the same', () => {
    const offsets = Array.from({ length: 1_000 }, (_, i) => spreadOffsetMs(`t${i}`, 15_000, 's'));
    expect(spreadOffsetMs('t7', 15_000, 's')).toBe(offsets[7]);
    const perSecond = Array<number>(15).fill(0);
    for (const offset of offsets) perSecond[Math.floor(offset / 1_000)]!++;
    expect(Math.min(...perSecond)).toBeGreaterThan(30);
  });
  it('comes after now, within an interval, at the offset', () => {
    const whole = fc.nat({ max: 2_000_000_000_000 });
    fc.assert(
      fc.property(whole, fc.integer({ min: 1, max: 100_000 }), fc.nat(), (nowMs, intervalMs, n) => {
        const offsetMs = n % intervalMs;
        const nextMs = nextScrapeMs(nowMs, intervalMs, offsetMs);
        expect(nextMs).toBeGreaterThan(nowMs);
        expect(nextMs).toBeLessThanOrEqual(nowMs + intervalMs);
        expect(nextMs % intervalMs).toBe(offsetMs);
      }),
    );
  });
  it.each([
    ['woke a millisecond early', 29_999, 30_000, 45_000],
    ['the clock was put back a little', 20_000, 30_000, 45_000],
    ['the clock was put back for long', 4_000, 30_000, 15_000],
    ['ran late', 31_000, 30_000, 45_000],
    ['is the first', 29_999, Number.NaN, 30_000],
  ])('does not repeat a moment where a run %s', (_case, nowMs, lastMs, expected) => {
    expect(nextScrapeMs(nowMs, 15_000, 0, lastMs)).toBe(expected);
  });
  it.each([
    [1_002, 1_000],
    [1_003, 1_003],
    [998, 1_000],
  ])('takes a scrape at %d that was planned for 1000 to be at %d', (nowMs, expected) => {
    expect(alignScrapeTimeMs(nowMs, 1_000, 15_000)).toBe(expected);
  });
});

describe('scrapeHeaders', () => {
  it('offers text only and no compression where the job says so', () => {
    const headers = scrapeHeaders(
      { protocols: ['PrometheusText0.0.4'], isCompressed: false },
      { timeoutMs: 1_500, userAgent: 'x' },
    );
    expect(headers).toEqual([
      ['User-Agent', 'x'],
      ['Accept', 'text/plain;version=0.0.4;q=0.6,*/*;q=0.5'],
      ['Accept-Encoding', 'identity'],
      ['X-Prometheus-Scrape-Timeout-Seconds', '1.5'],
    ]);
  });
});
