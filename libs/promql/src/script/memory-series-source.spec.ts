import { describe, expect, it } from '@jest/globals';
import { createFloatHistogram } from '#libs/histogram';
import { Labels, Matcher } from '#libs/labels';
import { createSampleWindow, isStaleMarker } from '#libs/samples';
import { MemorySeriesSource } from './memory-series-source.ts';

const a = Labels.fromRecord({ __name__: 'up', job: 'a' });
const b = Labels.fromRecord({ __name__: 'up', job: 'b' });
const everything = [new Matcher('__name__', '=', 'up')];

function float(value: number): { kind: 'float'; value: number } {
  return { kind: 'float', value };
}

/** `time:value` for each sample of the only series there is. */
function samplesOf(source: MemorySeriesSource, minMs = 0, maxMs = 1e9): string[] {
  const selection = source.select(everything);
  const window = createSampleWindow();
  selection.read(selection.rows[0]!, minMs, maxMs, window);
  const samples: string[] = [];
  for (let i = window.start; i < window.end; i++) {
    const histogram = window.histograms?.[i] ?? null;
    const value = isStaleMarker(window.values, i) ? 'stale' : window.values[i];
    const start = window.startTimesMs?.[i] ?? 0;
    samples.push(
      `${window.timesMs[i]}:${histogram === null ? value : `{${histogram.count}}`}${start === 0 ? '' : `@${start}`}`,
    );
  }
  return samples;
}

describe('MemorySeriesSource', () => {
  it('selects by every matcher', () => {
    const source = new MemorySeriesSource();
    source.add(a, 0, float(1));
    source.add(b, 0, float(1));
    const selection = source.select([...everything, new Matcher('job', '=~', 'b|c')]);
    expect([...selection.rows].map((row) => selection.labelsOf(row))).toEqual([b]);
  });

  it('reads both ends of a time range', () => {
    const source = new MemorySeriesSource();
    for (let i = 0; i < 100; i++) source.add(a, i * 10, float(i));
    expect(samplesOf(source, 15, 40)).toEqual(['20:2', '30:3', '40:4']);
    expect(samplesOf(source, 20, 20)).toEqual(['20:2']);
    expect(samplesOf(source, 21, 29)).toEqual([]);
  });

  it('sorts in what comes late and replaces what is there', () => {
    const source = new MemorySeriesSource();
    source.add(a, 20, float(2));
    source.add(a, 10, float(1), 5);
    source.add(a, 30, { kind: 'histogram', histogram: createFloatHistogram({ count: 7 }) });
    source.add(a, 15, { kind: 'stale' });
    source.add(a, 20, float(9));
    expect(samplesOf(source)).toEqual(['10:1@5', '15:stale', '20:9', '30:{7}']);
    source.add(a, 30, float(3));
    expect(samplesOf(source)).toEqual(['10:1@5', '15:stale', '20:9', '30:3']);
  });

  it('changes its version with its rows', () => {
    const source = new MemorySeriesSource();
    source.add(a, 0, float(1));
    const { version } = source.select(everything);
    source.add(a, 10, float(1));
    expect(source.select(everything).version).toBe(version);
    source.add(b, 10, float(1));
    expect(source.select(everything).version).not.toBe(version);
    const grown = source.select(everything).version;
    source.clear();
    expect(source.select(everything)).toMatchObject({ rows: new Uint32Array(0) });
    expect(source.select(everything).version).not.toBe(grown);
  });
});
