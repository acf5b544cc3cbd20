import { describe, expect, it } from '@jest/globals';
import { Labels, Matcher } from '#libs/labels';
import { ExemplarRing } from './exemplar-ring.ts';
import { MetadataCatalogue } from './metric-metadata.ts';

const A = Labels.fromRecord({ __name__: 'a' });
const B = Labels.fromRecord({ __name__: 'b' });
const ALL = [[new Matcher('__name__', '=~', '.+')]];

function exemplar(
  timeMs: number,
  value = timeMs,
  trace = 't',
): {
  labels: Labels;
  value: number;
  timeMs: number;
} {
  return { labels: Labels.fromRecord({ trace_id: trace }), value, timeMs };
}

describe('ExemplarRing', () => {
  it('gives exemplars by series, in a range of time', () => {
    const ring = new ExemplarRing(10);
    expect(ring.add(A, exemplar(1))).toBe('added');
    expect(ring.add(B, exemplar(2))).toBe('added');
    expect(ring.add(A, exemplar(3))).toBe('added');
    expect(ring.select(ALL, 2, 3)).toEqual([
      { series: A, exemplars: [exemplar(3)] },
      { series: B, exemplars: [exemplar(2)] },
    ]);
    expect(ring.select([[new Matcher('__name__', '=', 'b')]], 0, 9)).toEqual([
      { series: B, exemplars: [exemplar(2)] },
    ]);
    expect(ring.select([], 0, 9)).toEqual([]);
  });
  it('takes only what is younger, and knows what it has', () => {
    const ring = new ExemplarRing(10);
    ring.add(A, exemplar(5));
    expect(ring.add(A, exemplar(5))).toBe('repeated');
    expect(ring.add(A, exemplar(5, 6))).toBe('out_of_order');
    expect(ring.add(A, exemplar(4))).toBe('out_of_order');
    expect(ring.add(A, exemplar(6, 6, 'x'.repeat(120)))).toBe('added');
    expect(ring.add(A, exemplar(7, 7, 'x'.repeat(121)))).toBe('labels_too_long');
  });
  it('lets the oldest go when it is full', () => {
    const ring = new ExemplarRing(3);
    for (let timeMs = 1; timeMs <= 3; timeMs++) ring.add(A, exemplar(timeMs));
    for (let timeMs = 4; timeMs <= 5; timeMs++) ring.add(B, exemplar(timeMs));
    expect(ring.select(ALL, 0, 9)).toEqual([
      { series: A, exemplars: [exemplar(3)] },
      { series: B, exemplars: [exemplar(4), exemplar(5)] },
    ]);
    ring.add(B, exemplar(6));
    expect(ring.select(ALL, 0, 9)).toEqual([
      { series: B, exemplars: [exemplar(4), exemplar(5), exemplar(6)] },
    ]);
    expect([ring.size, ring.evicted]).toEqual([3, 3]);
  });
  it('keeps nothing without room', () => {
    const ring = new ExemplarRing(0);
    expect(ring.add(A, exemplar(1))).toBe('disabled');
    expect(ring.select(ALL, 0, 9)).toEqual([]);
  });
});

describe('MetadataCatalogue', () => {
  const counter = { type: 'counter', help: 'Requests.', unit: '' };
  const gauge = { type: 'gauge', help: 'Requests.', unit: '' };
  it('keeps what differs, the latest first', () => {
    const catalogue = new MetadataCatalogue(10);
    catalogue.add('a', counter);
    catalogue.add('a', gauge);
    catalogue.add('a', counter);
    catalogue.add('b', gauge);
    expect([...catalogue.entries('a')]).toEqual([['a', [counter, gauge]]]);
    expect([...catalogue.entries(null)].map(([family]) => family)).toEqual(['a', 'b']);
    expect([...catalogue.entries('c')]).toEqual([]);
  });
  it('forgets the family told of longest ago', () => {
    const catalogue = new MetadataCatalogue(2);
    catalogue.add('a', counter);
    catalogue.add('b', counter);
    catalogue.add('a', counter);
    catalogue.add('c', counter);
    expect([...catalogue.entries(null)].map(([family]) => family)).toEqual(['a', 'c']);
  });
  it('keeps a few of one family', () => {
    const catalogue = new MetadataCatalogue(2);
    for (let i = 0; i < 20; i++) catalogue.add('a', { ...counter, help: String(i) });
    const [entry] = catalogue.entries('a');
    expect(entry![1].map(({ help }) => help)).toEqual([
      '19',
      '18',
      '17',
      '16',
      '15',
      '14',
      '13',
      '12',
    ]);
  });
});
