import { describe, expect, it } from '@jest/globals';
import { MemoryBlockFiles } from '#libs/block-files';
import { createFloatHistogram } from '#libs/histogram';
import { Labels, Matcher } from '#libs/labels';
import { MemorySegmentStore } from '#libs/record-log';
import { SampleBatchBuilder } from '#libs/samples';
import { Clock, DAY, HOUR, MINUTE, openTiers, START } from '../testing/tiers.ts';

const STEP = 2 * MINUTE;
const SERIES = 100;
/** So many of them go every hour, and as many others come. */
const TURNED_OVER = SERIES / 10;
/** What may differ from day to day. */
const ALLOWANCE = 1.3;

/** The series that has had a place since an hour: pods come and go, their images have ever new tags. */
function labelsOf(place: number, sinceHour: number): Labels {
  const pod = `pod-${place}-${sinceHour}`;
  const labels: Record<string, string> = {
    __name__: `metric_${place % 20}`,
    pod,
    namespace: `team-${place % 7}`,
    image: `registry.example/app:${sinceHour}`,
  };
  // Not all have the same number of labels, and some have a name of a label of their own.
  if ((place + sinceHour) % 3 === 0) labels['container'] = `c${place}`;
  if (place === 0) labels[`release_${sinceHour}`] = 'yes';
  return Labels.fromRecord(labels);
}

describe('a week in which a tenth of the series turns over every hour', () => {
  it('takes no more room than its first days', async () => {
    const clock = new Clock();
    const segments = new MemorySegmentStore();
    const files = new MemoryBlockFiles();
    const { recent, archive, store } = await openTiers(clock, segments, files, {
      recent: {
        outOfOrderWindowMs: 5 * MINUTE,
        retentionMs: DAY,
        maxExemplars: 100,
        maxMetricFamilies: 100,
        segmentBytes: 100_000,
      },
      tiered: { retentionMs: DAY },
    });
    const present = Array.from({ length: SERIES }, (_, place) => labelsOf(place, 0));
    const room = (): Record<string, number> => {
      const { logSegments, logBytes, series, labelPairs } = recent.statistics();
      return {
        ...recent.head.footprint,
        logSegments,
        logBytes,
        series,
        labelPairs,
        blocks: archive.statistics().blocks,
        blockBytes: archive.bytes,
        exemplars: recent.exemplars.size,
        families: recent.metadata.size,
      };
    };
    const mostOfDays: Record<string, number>[] = [];
    for (let day = 0; day < 7; day++) {
      const most: Record<string, number> = {};
      for (let hour = day * 24; hour < (day + 1) * 24; hour++) {
        for (let i = 0; i < TURNED_OVER; i++) {
          const place = (hour * TURNED_OVER + i) % SERIES;
          present[place] = labelsOf(place, hour);
        }
        for (let step = 0; step < HOUR / STEP; step++) {
          clock.ms += STEP;
          const builder = new SampleBatchBuilder();
          for (const [place, labels] of present.entries()) {
            builder.addSeries(labels);
            if (place % 25 === 1) {
              const count = hour + step;
              builder.addHistogram(clock.ms, createFloatHistogram({ count, zeroCount: count }));
            } else builder.addSample(clock.ms, Math.floor((place * clock.ms) / 1_000_003));
            // Some tell when they started, one of them each time anew.
            if (place % 3 === 0) builder.setStartTime(place === 3 ? clock.ms - STEP : START);
            // And one is late.
            if (place === 5) builder.addSample(clock.ms - STEP / 2, 1);
          }
          const family = `metric_${hour}_${step}`;
          const { position, rejectedTotal } = recent.append(builder.take(), {
            exemplars: [{ series: present[0]!, labels: Labels.EMPTY, value: 1, timeMs: clock.ms }],
            metadata: [{ family, type: 'counter', help: '', unit: '' }],
          });
          expect(rejectedTotal).toBe(0);
          void store.select([new Matcher('pod', '=', `pod-1-${hour}`)], clock.ms - HOUR, clock.ms);
          await recent.committed(position);
          if (step % 5 !== 4) continue;
          await store.maintain();
          const now = room();
          for (const [name, size] of Object.entries(now)) {
            most[name] = Math.max(most[name] ?? 0, size);
          }
        }
      }
      mostOfDays.push(most);
    }
    const { created, live } = {
      created: recent.statistics().seriesCreated,
      live: recent.statistics().series,
    };
    expect(created).toBeGreaterThan(15 * SERIES);
    expect(live).toBeLessThan(1.3 * SERIES);
    // Only then are there blocks that are too old.
    const [, secondDay] = mostOfDays;
    const grown = mostOfDays.slice(2).flatMap((day) =>
      Object.entries(day)
        .map(([name, size]) => ({ name, size, before: secondDay![name]! }))
        .filter(({ size, before }) => size > before * ALLOWANCE),
    );
    expect(grown).toEqual([]);
    await store.close();
  });
});
