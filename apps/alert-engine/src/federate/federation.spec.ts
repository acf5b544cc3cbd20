import { describe, expect, it } from '@jest/globals';
import { createFloatHistogram } from '#libs/histogram';
import { Labels, Matcher } from '#libs/labels';
import { SampleBatchBuilder, STALE_MARKER } from '#libs/samples';
import { MemorySegmentStore, TimeSeriesStore } from '#libs/tsdb';
import { federate } from './federation.ts';

const NOW = 1_700_000_000_000;

async function bodyOf(matcherSets: readonly (readonly Matcher[])[]): Promise<string> {
  const store = new TimeSeriesStore(new MemorySegmentStore(), {
    nowMs: () => NOW,
    after: () => () => {},
  });
  await store.open();
  const builder = new SampleBatchBuilder();
  const add = (labels: Record<string, string>, timeMs: number, value: number): void => {
    builder.addSeries(Labels.fromRecord(labels));
    builder.addSample(timeMs, value);
  };
  add({ __name__: 'up', job: 'b', instance: 'x' }, NOW - 1_000, 1);
  add({ __name__: 'up', job: 'a', region: 'own' }, NOW - 2_000, 0.5);
  add({ __name__: 'up', job: 'old' }, NOW - 300_000, 1);
  add({ __name__: 'alpha', quote: 'a "b"\n' }, NOW - 299_999, Number.NaN);
  builder.addSeries(Labels.fromRecord({ __name__: 'up', job: 'gone' }));
  builder.addSample(NOW - 3_000, 1);
  builder.addSampleFrom(NOW - 1_000, STALE_MARKER, 0);
  builder.addSeries(Labels.fromRecord({ __name__: 'up', job: 'native' }));
  builder.addHistogram(NOW, createFloatHistogram());
  store.append(builder.take());
  let body = '';
  const options = {
    nowMs: NOW,
    lookbackMs: 300_000,
    externalLabels: Labels.fromRecord({ region: 'eu' }),
  };
  for await (const part of federate(store, matcherSets, options, () => Promise.resolve())) {
    body += part;
  }
  return body;
}

describe('federate', () => {
  it('gives the youngest sample of each series, once, with the external labels it lacks', async () => {
    const up = [new Matcher('__name__', '=', 'up')];
    expect(await bodyOf([up, [new Matcher('__name__', '=~', '.+')], up])).toBe(
      `# TYPE alpha untyped
alpha{instance="",quote="a \\"b\\"\\n",region="eu"} NaN ${NOW - 299_999}
# TYPE up untyped
up{instance="x",job="b",region="eu"} 1 ${NOW - 1_000}
up{instance="",job="a",region="own"} 0.5 ${NOW - 2_000}
`,
    );
  });
  it('gives nothing where nothing is asked for', async () => {
    expect(await bodyOf([])).toBe('');
    expect(await bodyOf([[new Matcher('__name__', '=', 'no')]])).toBe('');
  });
});
