import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createFloatHistogram, type FloatHistogram } from '#libs/histogram';
import { Labels, Matcher } from '#libs/labels';
import { ProtobufReader } from '#libs/protobuf';
import { compressBlock, WriteV1Decoder } from '#libs/remote-write';
import { createSampleWindow, isStaleMarker, type SampleWindow, STALE_MARKER } from '#libs/samples';
import {
  CHUNK_ENCODINGS,
  ChunkedAnswerReader,
  ChunkedAnswerWriter,
  chunkSampleCount,
  decodeReadRequest,
  encodeReadRequest,
  negotiateResponseType,
  type ReadChunkedSeries,
  type ReadRequest,
  SampledAnswerWriter,
  withExternalLabels,
  withoutExternalLabels,
  XorChunkColumns,
} from './index.ts';
import { crc32c } from './crc32c.ts';

const T = 1_700_000_000_000;

type Sample = readonly [timeMs: number, value: number | FloatHistogram];

function windowOf(samples: readonly Sample[]): SampleWindow {
  const window = createSampleWindow();
  window.timesMs = Float64Array.from(samples, ([timeMs]) => timeMs);
  window.values = new Float64Array(samples.length);
  const histograms = samples.map(([, value], i) => {
    if (typeof value !== 'number') return value;
    if (Number.isNaN(value)) window.values.set(STALE_MARKER, i);
    else window.values[i] = value;
    return null;
  });
  window.histograms = histograms.some((one) => one !== null) ? histograms : null;
  window.end = samples.length;
  return window;
}

function readAnswer(bytes: Buffer, partBytes = bytes.length): ReadChunkedSeries[] {
  const reader = new ChunkedAnswerReader();
  const found: ReadChunkedSeries[] = [];
  for (let at = 0; at < bytes.length; at += partBytes) {
    found.push(...reader.push(bytes.subarray(at, at + partBytes)));
  }
  reader.end();
  return found;
}

/** Times and the two words of each value. */
function floatsOf(series: readonly ReadChunkedSeries[]): [number, bigint][] {
  const columns = new XorChunkColumns();
  for (const { chunks } of series) {
    for (const { encoding, data } of chunks) {
      if (encoding === CHUNK_ENCODINGS.xor) columns.add(data);
    }
  }
  const bits = new BigUint64Array(columns.values.buffer);
  return Array.from({ length: columns.length }, (_, i) => [columns.timesMs[i]!, bits[i]!]);
}

const up = Labels.fromRecord({ __name__: 'up', job: 'ä "b"' });

describe('remote-read requests', () => {
  const request: ReadRequest = {
    queries: [
      {
        startMs: -5,
        endMs: T,
        matchers: [
          new Matcher('__name__', '=', 'up'),
          new Matcher('job', '!=', ''),
          new Matcher('é', '=~', 'a|b'),
          new Matcher('zone', '!~', '.*x'),
        ],
      },
      { startMs: 0, endMs: 0, matchers: [] },
    ],
    accepted: ['STREAMED_XOR_CHUNKS', 'SAMPLES'],
  };

  it('are read as they were written', () => {
    const read = decodeReadRequest(encodeReadRequest(request));
    expect(read.queries.map(({ matchers }) => matchers.map(String))).toEqual([
      ['__name__="up"', 'job!=""', '"é"=~"a|b"', 'zone!~".*x"'],
      [],
    ]);
    expect(read.queries[0]).toMatchObject({ startMs: -5, endMs: T });
    expect(negotiateResponseType(read)).toBe('STREAMED_XOR_CHUNKS');
  });
  it('get samples where they accept nothing in particular', () => {
    expect(negotiateResponseType(decodeReadRequest(compressBlock(Buffer.alloc(0))))).toBe(
      'SAMPLES',
    );
  });
  it.each([
    ['packed', '12020100', 'STREAMED_XOR_CHUNKS'],
    ['one by one', '10001001', 'SAMPLES'],
    ['with one that is not known first', '10091001', 'STREAMED_XOR_CHUNKS'],
  ])('may give response types %s', (_, hex, type) => {
    const read = decodeReadRequest(compressBlock(Buffer.from(hex, 'hex')));
    expect(negotiateResponseType(read)).toBe(type);
  });
  const refused: [string, Buffer, string, string][] = [
    ['no snappy', Buffer.from('f0ff', 'hex'), 'malformed', 'it ends inside its length'],
    ['a bomb', Buffer.from('808080800400', 'hex'), 'too_large', 'at most 1048576'],
    ['no message', compressBlock(Buffer.from('0aff', 'hex')), 'malformed', 'byte 1: '],
    ['no known type', compressBlock(Buffer.from('1009', 'hex')), 'unsupported_type', 'SAMPLES and'],
    [
      'a matcher type',
      compressBlock(Buffer.from('0a041a020804', 'hex')),
      'malformed',
      'matcher type 4',
    ],
    ['no UTF-8', compressBlock(Buffer.from('0a051a031201ff', 'hex')), 'malformed', 'not UTF-8'],
    ['a pattern', compressBlock(Buffer.from('0a071a0508021a0128', 'hex')), 'bad_matcher', '""'],
    [
      'many queries',
      compressBlock(Buffer.from('0a00'.repeat(101), 'hex')),
      'too_large',
      '100 queries',
    ],
    [
      'many matchers',
      compressBlock(Buffer.from(`0ad20f${'1a00'.repeat(1_001)}`, 'hex')),
      'too_large',
      '1000 matchers',
    ],
  ];
  it.each(refused)('are refused for %s', (_, body, code, message) => {
    expect(() => decodeReadRequest(body)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });
});

describe('answers in chunks', () => {
  it('give back times and bits of values', () => {
    const value = fc.oneof(
      fc.double(),
      fc.integer({ min: 0, max: 20 }),
      fc.constantFrom(Number.NaN, Infinity, -Infinity, -0, 5e-324),
    );
    const gap = fc.oneof(
      fc.constant(15_000),
      fc.integer({ min: 1, max: 20_000 }),
      fc.integer({ min: 1, max: 1e9 }),
    );
    const samples = fc.array(fc.tuple(gap, value), { minLength: 1, maxLength: 400 });
    fc.assert(
      fc.property(
        samples,
        fc.integer({ min: -T, max: T }),
        fc.integer({ min: 1, max: 50 }),
        (steps, from, part) => {
          let timeMs = from;
          const window = windowOf(steps.map(([gapMs, one]) => [(timeMs += gapMs), one]));
          const writer = new ChunkedAnswerWriter();
          writer.addSeries(0, up, window);
          const bits = new BigUint64Array(window.values.buffer);
          expect(floatsOf(readAnswer(writer.take(), part))).toEqual(
            Array.from(window.timesMs, (time, i) => [time, bits[i]!]),
          );
        },
      ),
    );
  });

  it('keep stale markers', () => {
    const writer = new ChunkedAnswerWriter();
    writer.addSeries(
      0,
      up,
      windowOf([
        [T, 1],
        [T + 1, Number.NaN],
      ]),
    );
    const columns = new XorChunkColumns();
    columns.add(readAnswer(writer.take())[0]!.chunks[0]!.data);
    expect([isStaleMarker(columns.values, 0), isStaleMarker(columns.values, 1)]).toEqual([
      false,
      true,
    ]);
  });

  it('hold at most 120 samples a chunk and a bounded number of bytes a frame', () => {
    const window = windowOf(Array.from({ length: 1_000 }, (_, i) => [T + 1_000 * i, Math.sin(i)]));
    const writer = new ChunkedAnswerWriter(3_000);
    writer.addSeries(3, up, window);
    const frames = readAnswer(writer.take());
    expect(frames.length).toBeGreaterThan(3);
    for (const { labels, queryIndex, chunks } of frames) {
      expect([labels.key, queryIndex]).toEqual([up.key, 3]);
      expect(chunks.reduce((sum, { data }) => sum + data.length, 0)).toBeLessThan(3_000);
      for (const { data, minMs, maxMs } of chunks) {
        expect(chunkSampleCount(data)).toBeLessThanOrEqual(120);
        expect(maxMs).toBe(minMs + 1_000 * (chunkSampleCount(data) - 1));
      }
    }
    expect(floatsOf(frames)).toHaveLength(1_000);
  });

  it('begin a chunk where a histogram does not continue the one before', () => {
    const base = { count: 3, positiveSpans: [{ offset: 0, length: 2 }], positiveBuckets: [1, 2] };
    const histogram = (fields: Partial<FloatHistogram>): FloatHistogram =>
      createFloatHistogram({ ...base, ...fields });
    const samples: Sample[] = [
      [T, histogram({})],
      [T + 1, histogram({ count: 4, positiveBuckets: [2, 2] })],
      [T + 2, histogram({})],
      [T + 3, histogram({ count: 3.5, positiveBuckets: [1.5, 2] })],
      [T + 4, histogram({ count: 5, schema: 1, positiveBuckets: [1, 4] })],
      [T + 5, 7],
      [T + 6, histogram({ counterResetHint: 'gauge' })],
      [T + 7, histogram({ counterResetHint: 'gauge', count: 1, positiveBuckets: [1, 0] })],
      [T + 8, histogram({ counterResetHint: 'reset' })],
    ];
    const writer = new ChunkedAnswerWriter();
    writer.addSeries(0, up, windowOf(samples));
    const chunks = readAnswer(writer.take()).flatMap((one) => one.chunks);
    expect(
      chunks.map(({ encoding, data }) => [encoding, chunkSampleCount(data), data[2]! >> 6]),
    ).toEqual([
      [2, 2, 0],
      [2, 1, 0],
      [3, 1, 0],
      [2, 1, 0],
      [1, 1, expect.any(Number)],
      [2, 2, 3],
      [2, 1, 2],
    ]);
  });

  it('leave out series without samples', () => {
    const writer = new ChunkedAnswerWriter();
    writer.addSeries(0, up, createSampleWindow());
    expect(writer.take()).toHaveLength(0);
  });

  it('are refused when damaged or cut short', () => {
    const writer = new ChunkedAnswerWriter();
    writer.addSeries(0, up, windowOf([[T, 1]]));
    const bytes = writer.take();
    expect(() => readAnswer(bytes.subarray(0, -1))).toThrow('ends within a frame');
    bytes[bytes.length - 1]! ^= 1;
    expect(() => readAnswer(bytes)).toThrow("a frame's checksum does not fit");
    expect(() => readAnswer(Buffer.from('ffffffff7f', 'hex'))).toThrow('at most 50000000');
  });

  const two = `000202${'00'.repeat(8)}01`;
  it.each(['', '0005', '000202', two, `${two}80`, `${two}ffe0${'ff'.repeat(8)}`])(
    'are refused for a chunk of the bytes "%s"',
    (hex) => {
      expect(() => new XorChunkColumns().add(Buffer.from(hex, 'hex'))).toThrow(
        'a chunk cannot be read',
      );
    },
  );
});

describe('answers in one piece', () => {
  it('are what remote write sends, query by query', () => {
    const writer = new SampledAnswerWriter(10);
    writer.beginResult();
    writer.addSeries(
      up,
      windowOf([
        [T, 1.5],
        [T + 1, createFloatHistogram({ sum: 2 })],
      ]),
    );
    writer.endResult();
    writer.beginResult();
    writer.addSeries(up, createSampleWindow());
    writer.endResult();
    const reader = new ProtobufReader(writer.written);
    const results = [];
    while (reader.readTag() !== 0) {
      const end = reader.readLengthEnd();
      results.push(new WriteV1Decoder().decode(reader.bytes.subarray(reader.position, end)).batch);
      reader.position = end;
    }
    expect(results.map(({ sampleCount }) => sampleCount)).toEqual([2, 0]);
    expect(results[0]!.labels[0]!.key).toBe(up.key);
    expect(results[0]!.values[0]).toBe(1.5);
    expect(results[0]!.histograms![1]).toMatchObject({ sum: 2 });
  });
  it('are bounded', () => {
    const writer = new SampledAnswerWriter(1);
    writer.beginResult();
    expect(() =>
      writer.addSeries(
        up,
        windowOf([
          [T, 1],
          [T + 1, 2],
        ]),
      ),
    ).toThrow(expect.objectContaining({ code: 'too_many_samples' }));
  });
});

describe('external labels', () => {
  const external = Labels.fromRecord({ region: 'eu', zone: 'a' });
  it('fulfil the matchers that ask for them', () => {
    const matchers = [
      new Matcher('region', '=', 'eu'),
      new Matcher('region', '=', 'us'),
      new Matcher('region', '=~', 'eu'),
      new Matcher('other', '=', ''),
    ];
    expect(withoutExternalLabels(matchers, external)).toEqual(matchers.slice(1));
    expect(withoutExternalLabels([matchers[0]!], external).map(String)).toEqual(['__name__!=""']);
  });
  it('are given to series that do not have them', () => {
    const labels = Labels.fromRecord({ __name__: 'up', zone: 'own' });
    expect(withExternalLabels(labels, external).toString()).toBe('up{region="eu", zone="own"}');
  });
});

describe('crc32c', () => {
  it('is that of RFC 3720', () => {
    expect(crc32c(Buffer.alloc(32)).toString(16)).toBe('8a9136aa');
    expect(crc32c(Buffer.from('123456789')).toString(16)).toBe('e3069283');
  });
});
