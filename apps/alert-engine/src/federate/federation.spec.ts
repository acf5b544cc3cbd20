import { describe, expect, it } from '@jest/globals';
import { createFloatHistogram } from '#libs/histogram';
import { Labels, Matcher } from '#libs/labels';
import { NO_PAUSES } from '#libs/pace';
import { MemorySegmentStore } from '#libs/record-log';
import { SampleBatchBuilder, STALE_MARKER } from '#libs/samples';
import { TimeSeriesStore } from '#libs/tsdb';
import { acceptedFormat } from '#libs/exposition';
import { federate } from './federation.ts';

const NOW = 1_700_000_000_000;

async function openStore(nowMs = () => NOW): Promise<TimeSeriesStore> {
  const timer = {
    nowMs,
    after(_: number, run: () => void) {
      const alarm = setImmediate(run);
      return () => clearImmediate(alarm);
    },
  };
  const store = new TimeSeriesStore(new MemorySegmentStore(), timer);
  await store.open();
  return store;
}

async function bodyOf(
  matcherSets: readonly (readonly Matcher[])[],
  accept = '*/*',
): Promise<string> {
  const store = await openStore();
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
    accepted: acceptedFormat(accept),
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
  it('writes OpenMetrics for whoever asks for it', async () => {
    const up = [new Matcher('job', '=', 'a')];
    expect(await bodyOf([up], 'application/openmetrics-text; version=1.0.0')).toBe(
      `# TYPE up unknown
up{instance="",job="a",region="own"} 0.5 ${(NOW - 2_000) / 1_000}
# EOF
`,
    );
    expect(await bodyOf([], 'application/openmetrics-text')).toBe('# EOF\n');
  });

  it.each([
    [
      '*/*',
      `# TYPE a_b untyped
a_b{instance="",region="eu",the_zone="first"} 1 ${NOW}
a_b{instance="",region="eu"} 2 ${NOW}
# TYPE _x untyped
_x{instance="",region="eu"} 3 ${NOW}
`,
    ],
    [
      'text/plain;version=1.0.0;escaping=allow-utf-8',
      `# TYPE "1x" untyped
{"1x",instance="",region="eu"} 3 ${NOW}
# TYPE "a.b" untyped
{"a.b",instance="",region="eu","the.zone"="first","the/zone"="second"} 1 ${NOW}
# TYPE a_b untyped
a_b{instance="",region="eu"} 2 ${NOW}
`,
    ],
  ])('writes names so that they can be read by who accepts %s', async (accept, expected) => {
    const store = await openStore();
    const builder = new SampleBatchBuilder();
    const zones = { 'the.zone': 'first', 'the/zone': 'second' };
    builder.addSeries(Labels.fromRecord({ __name__: 'a.b', ...zones }));
    builder.addSample(NOW, 1);
    builder.addSeries(Labels.fromRecord({ __name__: 'a_b' }));
    builder.addSample(NOW, 2);
    builder.addSeries(Labels.fromRecord({ __name__: '1x' }));
    builder.addSample(NOW, 3);
    store.append(builder.take());
    const pieces = await piecesOf(store, [[new Matcher('__name__', '=~', '.+')]], accept);
    expect(linesOf(pieces.join(''))).toEqual(linesOf(expected));
  });

  it('makes pieces that do not grow with the series, each as it is asked for', async () => {
    const store = await openStore();
    const builder = new SampleBatchBuilder();
    for (let i = 0; i < 20_000; i++) {
      builder.addSeries(Labels.fromRecord({ __name__: `m${i % 7}`, id: String(i) }));
      builder.addSample(NOW, i);
    }
    store.append(builder.take());
    const all = [new Matcher('__name__', '=~', 'm.')];
    const odd = [new Matcher('id', '=~', '.*[13579]')];
    const pieces = await piecesOf(store, [odd, all, odd]);
    expect(pieces.length).toBeGreaterThan(10);
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(66_000);
    const lines = linesOf(pieces.join(''));
    expect(lines.length).toBe(20_000 + 7);
    expect(new Set(lines).size).toBe(20_000 + 7);
  });

  it('leaves out what came into the place of a series while the body waited', async () => {
    let nowMs = NOW;
    const store = await openStore(() => nowMs);
    const builder = new SampleBatchBuilder();
    for (let i = 0; i < 5_000; i++) {
      builder.addSeries(Labels.fromRecord({ __name__: 'old', id: String(i) }));
      builder.addSample(NOW - 60_000, i);
    }
    await store.committed(store.append(builder.take()).position);
    const matchers = [new Matcher('__name__', '=~', 'old|new')];
    const pieces = federate(store, [matchers], OPTIONS, () => null);
    const { value: first } = await pieces.next();
    await store.dropBefore(NOW - 30_000, NO_PAUSES);
    // Rows are not used again at once.
    nowMs += 86_400_000;
    await store.dropBefore(NOW - 30_000, NO_PAUSES);
    for (let i = 0; i < 5_000; i++) {
      builder.addSeries(Labels.fromRecord({ __name__: i % 2 === 0 ? 'new' : 'other', id: `${i}` }));
      builder.addSample(NOW, i);
    }
    expect(store.append(builder.take()).accepted).toBe(5_000);
    let rest = '';
    for await (const piece of pieces) rest += piece;
    expect(linesOf(first ?? '').length).toBeGreaterThan(100);
    expect(rest).toBe('');
  });
});

const OPTIONS = {
  nowMs: NOW,
  lookbackMs: 300_000,
  externalLabels: Labels.fromRecord({ region: 'eu' }),
  accepted: acceptedFormat('*/*'),
};

async function piecesOf(
  store: TimeSeriesStore,
  matcherSets: readonly (readonly Matcher[])[],
  accept = '*/*',
): Promise<string[]> {
  const options = { ...OPTIONS, accepted: acceptedFormat(accept) };
  const pieces: string[] = [];
  for await (const piece of federate(store, matcherSets, options, () => null)) pieces.push(piece);
  return pieces;
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .toSorted();
}
