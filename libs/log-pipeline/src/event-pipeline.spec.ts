import { describe, expect, it } from '@jest/globals';
import { EventPipeline, type EventPipelineOptions } from './event-pipeline.ts';
import type { LogSource } from './log-source.ts';
import { ParserSet } from './parser-set.ts';
import type { PodMetadata } from './pod-directory.ts';
import { RecordBatch } from './record-batch.ts';
import { JSON_FIELD, PACKED_FIELD, RecordFields, TEXT_FIELD } from './record-fields.ts';
import type { ShippingSpec } from './shipping.ts';

const NOW_MS = 1_700_000_000_000;
const NOTHING: ShippingSpec = {
  drop: [],
  sample: [],
  rateLimit: null,
  redact: { kinds: [], patterns: [] },
};

function pipeline(options: Partial<EventPipelineOptions>): EventPipeline {
  return new EventPipeline({
    parsers: new ParserSet([]),
    parser: null,
    shipping: NOTHING,
    obeysAnnotations: true,
    ...options,
  });
}

function sourceOf(path: string, annotations: Record<string, string> | null = null): LogSource {
  const pod: PodMetadata | null =
    annotations === null
      ? null
      : {
          namespace: 'shop',
          name: 'web-1',
          uid: 'u',
          node: '',
          workload: 'web',
          workloadKind: 'Deployment',
          labels: new Map(),
          annotations: new Map(Object.entries(annotations)),
        };
  const identity = { namespace: '', pod: '', container: '', workload: '' };
  return { path, podPath: null, pod, identity, attributes: { rack: 'r1' } };
}

type Told = readonly [message: string, fields?: Readonly<Record<string, string>>];

function batchOf(rows: readonly Told[], kind = TEXT_FIELD): RecordBatch {
  const records = new RecordBatch(Buffer.alloc(0), 4);
  const fields = new RecordFields(rows.length);
  records.fields = fields;
  const put = (text: string): readonly [number, number] => {
    const bytes = Buffer.from(text);
    const at = records.addExtra(bytes, 0, bytes.length);
    return [at, at + bytes.length];
  };
  for (const [message, pairs = {}] of rows) {
    const row = records.reserve();
    records.place(row, true, ...put(message));
    records.levels[row] = 6;
    records.streams[row] = 0;
    records.timeSeconds[row] = NOW_MS / 1_000;
    fields.begin(row);
    for (const [name, value] of Object.entries(pairs)) {
      const index = fields.addTold(row);
      [fields.nameStarts[index], fields.nameEnds[index]] = put(name);
      [fields.valueStarts[index], fields.valueEnds[index]] = put(value);
      fields.isNameExtra[index] = 1;
      fields.isValueExtra[index] = 1;
      fields.kinds[index] = kind;
    }
  }
  return records;
}

function told(records: RecordBatch): Told[] {
  return [...Array(records.count).keys()].map((row) => {
    const { fields } = records;
    const found: Record<string, string> = {};
    const first = fields?.first[row] ?? 0;
    for (let i = first; i < first + (fields?.counts[row] ?? 0); i++) {
      const text = (isExtra: number, start: number, end: number): string =>
        (isExtra === 1 ? records.extra : records.lines).toString('utf8', start, end);
      const name = text(fields!.isNameExtra[i]!, fields!.nameStarts[i]!, fields!.nameEnds[i]!);
      expect(found).not.toHaveProperty([name]);
      found[name] = text(fields!.isValueExtra[i]!, fields!.valueStarts[i]!, fields!.valueEnds[i]!);
    }
    return [records.text(row), found];
  });
}

function messages(records: RecordBatch): string[] {
  return told(records).map(([message]) => message);
}

const noUnpack = (): void => {
  throw new Error('nothing is packed');
};

describe('records that come whole', () => {
  it('are taken apart beside what their sender has told', () => {
    const events = pipeline({ parser: 'json' });
    const source = sourceOf('a');
    const records = batchOf([
      ['{"message":"one","level":"error","a":1,"b":2}', { a: 'told', log_b: 'x' }],
      ['no JSON', { a: 'told', c: 'd' }],
      ['{"message":"three","rack":"r9","pod":"p"}'],
      ['', { a: 'alone' }],
      ['{"a":1,"log_a":2,"z":3,"a":4}', { a: 'told', log_a: 'told too' }],
    ]);
    events.parse(source, records, NOW_MS);
    expect(told(records)).toEqual([
      ['one', { log_a: '1', b: '2', a: 'told', log_b: 'x' }],
      ['no JSON', { a: 'told', c: 'd' }],
      ['three', { log_rack: 'r9', log_pod: 'p' }],
      ['', { a: 'alone' }],
      ['{"a":1,"log_a":2,"z":3,"a":4}', { z: '3', log_log_a: '2', a: 'told', log_a: 'told too' }],
    ]);
    expect([...records.levels.subarray(0, 2)]).toEqual([4, 6]);
    expect(events.counters).toEqual({ unparsedLines: 1, badTimes: 0, unknownNames: 0 });
  });

  it('keep what they were where a copy of them is shipped', () => {
    const events = pipeline({
      shipping: {
        ...NOTHING,
        drop: [{ pattern: 'noise', levels: null, streams: null }],
        redact: { kinds: ['emails', 'secrets'], patterns: [] },
      },
    });
    const source = sourceOf('a');
    const records = batchOf([
      ['noise'],
      ['mail to ann@example.org', { password: 'hunter2', to: 'bob@example.org' }],
      ['rest', { a: 'b' }],
    ]);
    const before = told(records);
    expect(events.changes(source)).toBe(true);
    expect(told(events.ship(source, records.copy(), NOW_MS, noUnpack))).toEqual([
      ['mail to [redacted emails]', { password: '[redacted secrets]', to: '[redacted emails]' }],
      ['rest', { a: 'b' }],
    ]);
    expect(told(records)).toEqual(before);
    expect(events.shippingCounters.dropped.filtered).toBe(1);
    expect(pipeline({}).changes(source)).toBe(false);
  });

  it('are unpacked only where somebody looks into them', () => {
    const source = sourceOf('a');
    const records = batchOf([['m', { a: 'packed' }]], PACKED_FIELD);
    const drops = pipeline({
      shipping: { ...NOTHING, sample: [{ pattern: null, levels: null, streams: null, keep: 1 }] },
    });
    drops.ship(source, records, NOW_MS, noUnpack);
    const redacts = pipeline({
      shipping: { ...NOTHING, redact: { kinds: ['emails'], patterns: [] } },
    });
    redacts.ship(source, records, NOW_MS, (batch, index) => {
      const text = Buffer.from('{"to":"ann@example.org"}');
      const at = batch.addExtra(text, 0, text.length);
      batch.fields!.valueStarts[index] = at;
      batch.fields!.valueEnds[index] = at + text.length;
      batch.fields!.kinds[index] = JSON_FIELD;
    });
    expect(told(records)).toEqual([['m', { a: '{"to":"[redacted emails]"}' }]]);
  });

  it('are limited sender by sender, and it is told what is missing', () => {
    const events = pipeline({
      shipping: { ...NOTHING, rateLimit: { linesPerSecond: 1, burst: 2 } },
    });
    const [a, b] = [sourceOf('a'), sourceOf('b')];
    const five: Told[] = [['1'], ['2'], ['3'], ['4'], ['5']];
    expect(messages(events.ship(a, batchOf(five), NOW_MS, noUnpack))).toEqual([
      '1',
      '2',
      '[binnacle] 3 lines dropped: more than 1 a second',
    ]);
    expect(messages(events.ship(b, batchOf(five.slice(0, 2)), NOW_MS, noUnpack))).toEqual([
      '1',
      '2',
    ]);
    // The same sender, of whom something new is known.
    expect(messages(events.ship(sourceOf('a'), batchOf(five), NOW_MS, noUnpack))).toEqual([]);
    expect(events.news(NOW_MS + 5_000)).toEqual([]);
    expect(events.news(NOW_MS + 10_000).map(([, records]) => messages(records))).toEqual([
      ['[binnacle] 5 lines dropped: more than 1 a second'],
    ]);
    expect(events.news(NOW_MS + 60_000)).toEqual([]);
    expect(events.shippingCounters.dropped.rate_limited).toBe(8);
  });

  it('have no rate of their own for each time that they tell', () => {
    const events = pipeline({
      shipping: { ...NOTHING, rateLimit: { linesPerSecond: 1, burst: 1 } },
    });
    const records = batchOf([['1970'], ['1980'], ['2099'], ['none']]);
    for (const [row, seconds] of [0, 315_532_800, 4_070_908_800, Number.NaN].entries()) {
      records.timeSeconds[row] = seconds;
    }
    events.ship(sourceOf('a'), records, NOW_MS, noUnpack);
    expect(events.shippingCounters.dropped.rate_limited).toBe(3);
  });

  it('are treated as the annotations of their pod say', () => {
    const events = pipeline({});
    const parsed = sourceOf('a', { 'fluentbit.io/parser': 'logfmt' });
    const records = batchOf([['msg=hi a=b']]);
    events.parse(parsed, records, NOW_MS);
    expect(told(records)).toEqual([['hi', { a: 'b' }]]);
    const excluded = sourceOf('b', { 'binnacle.dev/log-exclude': 'true' });
    expect(events.changes(excluded)).toBe(true);
    expect(told(events.ship(excluded, batchOf([['x']]), NOW_MS, noUnpack))).toEqual([]);
    expect(events.shippingCounters.dropped.excluded).toBe(1);
    events.parse(sourceOf('c', { 'fluentbit.io/parser': 'nope' }), batchOf([['x']]), NOW_MS);
    // Once for each stream.
    expect(events.counters.unknownNames).toBe(3);
    const deaf = pipeline({ obeysAnnotations: false });
    expect(deaf.changes(excluded)).toBe(false);
  });

  it('have a bounded number of senders that are told apart', () => {
    const events = pipeline({
      maxSenders: 2,
      shipping: { ...NOTHING, rateLimit: { linesPerSecond: 0.001, burst: 1 } },
    });
    const counts = ['a', 'b', 'a', 'c', 'a', 'b'].map(
      (name) => events.ship(sourceOf(name), batchOf([['x']]), NOW_MS, noUnpack).count,
    );
    // In the place of the first that is dropped goes a line that tells of it; of `b` it is forgotten that it has sent.
    expect(counts).toEqual([1, 1, 1, 1, 0, 1]);
    expect(events.shippingCounters.dropped.rate_limited).toBe(2);
  });
});
