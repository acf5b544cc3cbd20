import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { createFloatHistogram } from '#libs/histogram';
import { Labels, METRIC_NAME } from '#libs/labels';
import { isStaleMarker, type SampleBatch, SampleBatchBuilder, STALE_MARKER } from '#libs/samples';
import {
  compressBlock,
  type DecodedWrite,
  decodeWriteV2,
  DEFAULT_DECODE_LIMITS,
  RemoteWriteError,
  uncompressBlock,
  wholeBatch,
  WriteEncoder,
  WriteV1Decoder,
} from './index.ts';

const MESSAGES = ['prometheus.WriteRequest', 'io.prometheus.write.v2.Request'] as const;
type Message = (typeof MESSAGES)[number];

function decode(kind: Message, bytes: Buffer): DecodedWrite {
  return kind === 'prometheus.WriteRequest'
    ? new WriteV1Decoder().decode(bytes)
    : decodeWriteV2(bytes);
}

function batchOf(
  series: readonly (readonly [Labels, readonly (readonly [number, number])[]])[],
): SampleBatch {
  const builder = new SampleBatchBuilder();
  for (const [labels, samples] of series) {
    builder.addSeries(labels);
    for (const [timeMs, value] of samples) builder.addSample(timeMs, value);
  }
  return builder.take();
}

/** A batch as text, one line per sample, with the bits of the values. */
function linesOf(batch: SampleBatch): string[] {
  const bits = new BigUint64Array(batch.values.buffer, batch.values.byteOffset, batch.sampleCount);
  const lines: string[] = [];
  for (let s = 0; s < batch.labels.length; s++) {
    for (let i = batch.firstSample[s]!; i < batch.firstSample[s + 1]!; i++) {
      lines.push(`${batch.labels[s]!.key} ${batch.timesMs[i]} ${bits[i]!.toString(16)}`);
    }
  }
  return lines;
}

/** A message from its fields: `[field, bytes]`, `[field, 'text']` or `[field, number]` (a varint). */
function message(...fields: [number, Buffer | string | number][]): Buffer {
  const parts: Buffer[] = [];
  for (const [field, value] of fields) {
    if (typeof value === 'number') {
      parts.push(varint(field * 8), varint(value));
    } else {
      const bytes = Buffer.from(value);
      parts.push(varint(field * 8 + 2), varint(bytes.length), bytes);
    }
  }
  return Buffer.concat(parts);
}

function double(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = field * 8 + 1;
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return Buffer.from([...bytes, rest]);
}

function label(name: string, value: string): [number, Buffer] {
  return [1, message([1, name], [2, value])];
}

function sample(value: number, timeMs: number): [number, Buffer] {
  return [2, Buffer.concat([double(1, value), message([2, timeMs])])];
}

/** The packed label references of a series of version 2. */
function refs(...numbers: number[]): [number, Buffer] {
  return [1, Buffer.from(numbers)];
}

/** Whether a reader either takes a body or refuses it with the lib's own error. */
function isReadOrRefused(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    return error instanceof RemoteWriteError;
  }
}

function errorOf(body: () => unknown): RemoteWriteError {
  try {
    body();
  } catch (error) {
    if (error instanceof RemoteWriteError) return error;
    throw error;
  }
  throw new Error('was read without an error');
}

const labelSets = fc
  .tuple(
    fc.string({ minLength: 1, unit: 'binary' }),
    fc.dictionary(
      fc.string({ minLength: 1, unit: 'binary' }),
      fc.string({ unit: 'binary', maxLength: 200 }),
      {
        maxKeys: 5,
      },
    ),
  )
  .map(([name, rest]) => Labels.fromRecord({ ...rest, [METRIC_NAME]: name }))
  .filter((labels) => labels.flat.every((part) => part.isWellFormed()));
const samples = fc.array(fc.tuple(fc.maxSafeInteger(), fc.double()), {
  minLength: 1,
  maxLength: 5,
});
const batches = fc.array(fc.tuple(labelSets, samples), { maxLength: 10 }).map(batchOf);

describe.each(MESSAGES)('%s', (kind) => {
  it('decodes to what was encoded', () => {
    const encoder = new WriteEncoder(kind);
    fc.assert(
      fc.property(batches, (batch) => {
        const decoded = decode(kind, encoder.encode([wholeBatch(batch)]));
        expect(linesOf(decoded.batch)).toEqual(linesOf(batch));
        expect(decoded.firstRejection).toBeNull();
      }),
    );
  });
  it('encodes any cut of a batch into the same samples', () => {
    const encoder = new WriteEncoder(kind);
    fc.assert(
      fc.property(batches, fc.nat(), (batch, seed) => {
        const cut = batch.sampleCount === 0 ? 0 : seed % batch.sampleCount;
        let firstSeries = 0;
        while (firstSeries < batch.labels.length && batch.firstSample[firstSeries + 1]! <= cut)
          firstSeries++;
        const halves = [
          { batch, firstSeries: 0, start: 0, end: cut },
          { batch, firstSeries, start: cut, end: batch.sampleCount },
        ];
        const lines = halves.flatMap((half) => linesOf(decode(kind, encoder.encode([half])).batch));
        expect(lines).toEqual(linesOf(batch));
        expect(linesOf(decode(kind, encoder.encode(halves)).batch)).toEqual(linesOf(batch));
      }),
    );
  });
  it('keeps the bits of a stale marker', () => {
    const builder = new SampleBatchBuilder();
    builder.addSeries(Labels.fromRecord({ __name__: 'up' }));
    builder.addSampleFrom(1_700_000_000_000, STALE_MARKER, 0);
    const encoded = new WriteEncoder(kind).encode([wholeBatch(builder.take())]);
    expect(isStaleMarker(decode(kind, encoded).batch.values, 0)).toBe(true);
  });
  it('throws nothing but its own error, whatever the bytes and wherever they are cut', () => {
    const encoder = new WriteEncoder(kind);
    const mangled = fc
      .tuple(batches, fc.nat(), fc.nat(255), fc.boolean())
      .map(([batch, at, byte, isCut]) => {
        const bytes = Buffer.from(encoder.encode([wholeBatch(batch)]));
        if (bytes.length === 0) return bytes;
        bytes[at % bytes.length] = byte;
        return isCut ? bytes.subarray(0, at % bytes.length) : bytes;
      });
    const bodies = fc.oneof(
      mangled,
      fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(bodies, (body) => {
        expect(isReadOrRefused(() => decode(kind, body))).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('WriteV1Decoder', () => {
  const decoder = new WriteV1Decoder();
  const up: [number, Buffer] = label('__name__', 'up');

  it('reads a request as Prometheus writes it', () => {
    const request = message(
      [1, message(up, label('job', 'node'), sample(1.5, 1_700_000_000_000))],
      [3, message([1, 2], [2, 'up'], [4, 'Whether it answers.'], [5, ''])],
    );
    const decoded = decoder.decode(request);
    expect(decoded.batch.labels.map(String)).toEqual(['up{job="node"}']);
    expect([decoded.batch.timesMs[0], decoded.batch.values[0]]).toEqual([1_700_000_000_000, 1.5]);
    expect(decoded.metadata).toEqual([
      { family: 'up', type: 2, help: 'Whether it answers.', unit: '' },
    ]);
  });
  it('answers the same label set object for the same bytes', () => {
    const request = message([1, message(up, sample(1, 1))]);
    const [first, second] = [decoder.decode(request), decoder.decode(Buffer.from(request))];
    expect(second.batch.labels[0]).toBe(first.batch.labels[0]);
  });
  it('takes labels in any order and behind the samples', () => {
    const request = message([1, message(label('z', '1'), sample(1, 5), up, label('empty', ''))]);
    expect(decoder.decode(request).batch.labels.map(String)).toEqual(['up{z="1"}']);
  });
  it('reads a negative time', () => {
    const time = Buffer.from('10ffffffffffffffffff01', 'hex');
    const request = message([1, message(up, [2, time])]);
    expect(decoder.decode(request).batch.timesMs[0]).toBe(-1);
  });
  it.each([
    ['no metric name', [label('job', 'x')], 'no metric name in {"job"="x"}'],
    ['a name twice', [up, label('a', '1'), label('a', '2')], 'label "a" is given twice'],
    [
      'an empty name',
      [up, label('', '1')],
      'invalid metric name or labels: {"__name__"="up", ""="1"}',
    ],
  ] as [string, [number, Buffer][], string][])(
    'refuses a series with %s and keeps the others',
    (_, labels, reason) => {
      const request = message(
        [1, message(...labels, sample(1, 1), sample(2, 2))],
        [1, message(up, sample(3, 3))],
      );
      const decoded = decoder.decode(request);
      expect(decoded.batch.labels.map(String)).toEqual(['up']);
      expect(decoded.rejectedSamples).toBe(2);
      expect(decoded.firstRejection).toContain(reason);
    },
  );
  it('refuses a label value that is not UTF-8', () => {
    const bad: [number, Buffer] = [1, message([1, 'a'], [2, Buffer.from([0xff])])];
    expect(decoder.decode(message([1, message(up, bad, sample(1, 1))])).rejectedSamples).toBe(1);
  });
  it('reads a stale marker that comes as a histogram', () => {
    const stale = Buffer.alloc(9);
    stale[0] = 25;
    stale.writeBigUInt64LE(0x7ff0000000000002n, 1);
    const { batch } = decoder.decode(
      message([1, message(up, [4, Buffer.concat([stale, message([15, 7])])])]),
    );
    expect(batch.histograms).toBeNull();
    expect([batch.sampleCount, batch.timesMs[0], isStaleMarker(batch.values, 0)]).toEqual([
      1,
      7,
      true,
    ]);
  });
  it.each(MESSAGES)('gives back histograms of every kind (%s)', (version) => {
    const histograms = [
      createFloatHistogram({
        schema: -4,
        count: 2 ** 40 + 8,
        sum: -1.5,
        zeroCount: 2 ** 40,
        zeroThreshold: 0.001,
        positiveSpans: [
          { offset: -3, length: 2 },
          { offset: 2, length: 1 },
        ],
        positiveBuckets: [1, 3, 2],
        negativeSpans: [{ offset: 0, length: 1 }],
        negativeBuckets: [2],
        counterResetHint: 'gauge',
      }),
      createFloatHistogram({
        schema: 8,
        count: 2.5,
        positiveSpans: [{ offset: 0, length: 2 }],
        positiveBuckets: [0.5, 2],
      }),
      createFloatHistogram({
        schema: -53,
        count: 3,
        customValues: [0.1, 2],
        positiveSpans: [{ offset: 0, length: 3 }],
        positiveBuckets: [1, 0, 2],
        counterResetHint: 'reset',
      }),
    ];
    const builder = new SampleBatchBuilder();
    builder.addSeries(Labels.fromRecord({ __name__: 'h' }));
    for (const [i, one] of histograms.entries()) builder.addHistogram(i, one);
    builder.addSample(9, 1);
    const encoded = new WriteEncoder(version).encode([wholeBatch(builder.take())]);
    const { batch, histogramCount } = decode(version, encoded);
    expect(histogramCount).toBe(3);
    expect(batch.histograms?.filter((one) => one !== null)).toEqual(histograms);
    expect(batch.sampleCount).toBe(4);
  });
  it('reads exemplars', () => {
    const trace = message([1, 'trace_id'], [2, 'abc']);
    const request = message([
      1,
      message(
        up,
        [3, Buffer.concat([message([1, trace]), double(2, 0.5), message([3, 7])])],
        [3, message([1, message([1, 'bad'], [2, Buffer.from([0xff])])])],
      ),
    ]);
    const { exemplars, invalidExemplars } = decoder.decode(request);
    expect(
      exemplars.map(({ series, labels, value, timeMs }) => [
        String(series),
        labels.toRecord(),
        value,
        timeMs,
      ]),
    ).toEqual([['up', { trace_id: 'abc' }, 0.5, 7]]);
    expect(invalidExemplars).toBe(1);
  });
  it.each([
    ['a length beyond the end', '0a05', 'byte 1: a length of 5 reaches beyond the message'],
    ['a length beyond the part it is in', '0a020aff', 'byte 3'],
    ['an enormous length', '0affffffffffffffff7f', 'reaches beyond the message'],
    ['a number without end', 'ffffffffffffffffffffff', 'byte 0: a number has more than 64 bits'],
    ['a cut number', '0a80', 'byte 1: the message ends inside a number'],
    ['a group', '0b0c', 'byte 1: field 1 has wire type 3 where 2 is due'],
    ['an unknown group', '13', 'byte 1: field 2 has the unknown wire type 3'],
    ['field number 0', '0000', 'byte 0: there is no field number 0'],
    ['samples as a number', '0a021001', 'field 2 has wire type 0 where 2 is due'],
    ['a cut double', '0a0412020901', 'byte 5: the message ends inside a 64-bit value'],
  ])('says where %s stands', (_, hex, reason) => {
    const error = errorOf(() => decoder.decode(Buffer.from(hex, 'hex')));
    expect(error.code).toBe('malformed_protobuf');
    expect(error.message).toContain(reason);
  });
  it('bounds samples and metadata by number, since two bytes can order sixteen', () => {
    const limits = { ...DEFAULT_DECODE_LIMITS, maxSamples: 100, maxMetadata: 100 };
    const bounded = new WriteV1Decoder(limits);
    const empty = Array.from({ length: 101 }, (): [number, string] => [2, '']);
    const metadata = Array.from({ length: 101 }, (): [number, string] => [3, '']);
    expect(errorOf(() => bounded.decode(message([1, message(up, ...empty)]))).code).toBe(
      'too_large',
    );
    expect(errorOf(() => bounded.decode(message(...metadata))).code).toBe('too_large');
  });
  it('reads 64 KiB of anything at once', () => {
    for (const unit of ['0a00', '0a020a00', '1a00', '12', 'ff', '0a', '0aff']) {
      const body = Buffer.from(unit.repeat(Math.floor(131_072 / unit.length)), 'hex');
      let fastestMs = Number.POSITIVE_INFINITY;
      // The shortest of a few runs, since other programs may want the machine as well.
      for (let run = 0; run < 5; run++) {
        const startMs = performance.now();
        expect(isReadOrRefused(() => new WriteV1Decoder().decode(body))).toBe(true);
        fastestMs = Math.min(fastestMs, performance.now() - startMs);
      }
      expect(fastestMs).toBeLessThan(1_000);
    }
  });
});

describe('decodeWriteV2', () => {
  it('refuses a series whose references lead nowhere, and keeps the others', () => {
    const request = message(
      // Symbols may come after the series that use them.
      [5, message(refs(1, 2), sample(1, 1))],
      [5, message(refs(1, 9), sample(1, 1))],
      [5, message(refs(1), sample(1, 1))],
      [5, message([1, 1], [1, 3], sample(1, 1), [5, message([1, 1], [3, 2])])],
      [4, ''],
      [4, '__name__'],
      [4, 'up'],
      [4, 'down'],
    );
    const decoded = decodeWriteV2(request);
    expect(decoded.batch.labels.map(String)).toEqual(['up', 'down']);
    expect(decoded.rejectedSamples).toBe(2);
    expect(decoded.firstRejection).toBe('a series refers to symbol 9, but there are only 4');
    expect(decoded.metadata).toEqual([{ family: 'down', type: 1, help: 'up', unit: '' }]);
  });
});

describe('start times', () => {
  it('are written and read back by version 2, of samples and of histograms', () => {
    const builder = new SampleBatchBuilder();
    builder.addSeries(Labels.fromRecord({ __name__: 'a' }));
    builder.addSample(10, 1);
    builder.setStartTime(5);
    builder.addSample(20, 2);
    builder.addHistogram(30, createFloatHistogram({ count: 1, sum: 1, zeroCount: 1 }));
    builder.setStartTime(25);
    const slice = [wholeBatch(builder.take())];
    const { batch } = decodeWriteV2(
      new WriteEncoder('io.prometheus.write.v2.Request').encode(slice),
    );
    // A message has its samples and then its histograms, as they were added.
    expect(batch.startTimesMs?.slice(0, 3)).toEqual(Float64Array.of(5, 0, 25));
    const first = new WriteEncoder('prometheus.WriteRequest').encode(slice);
    expect(new WriteV1Decoder().decode(first).batch.startTimesMs).toBeNull();
  });
  it('of a whole series, as early senders of version 2 wrote them, stand wherever they like', () => {
    const own: [number, Buffer] = [
      2,
      Buffer.concat([double(1, 3), message([2, 30]), message([3, 21])]),
    ];
    const request = message(
      [4, ''],
      [4, '__name__'],
      [4, 'up'],
      [5, message(refs(1, 2), sample(1, 10), [6, 7], sample(2, 20), own)],
      [5, message(refs(1, 2), sample(4, 40))],
    );
    const { batch } = decodeWriteV2(request);
    expect(batch.startTimesMs?.slice(0, 4)).toEqual(Float64Array.of(7, 7, 21, 0));
  });
});

describe('snappy blocks', () => {
  it('decompress to what was compressed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), (bytes) => {
        const block = compressBlock(Buffer.from(bytes));
        expect(uncompressBlock(block, 5_000).equals(bytes)).toBe(true);
      }),
    );
  });
  it.each([
    ['808080800400', 'too_large', 'the body has 1073741824 bytes after decompression'],
    ['', 'malformed_snappy', 'it ends inside its length'],
    ['ff', 'malformed_snappy', 'it ends inside its length'],
    ['ffffffffff01', 'malformed_snappy', 'its length has more than 32 bits'],
    ['80a00100', 'malformed_snappy', 'cannot hold the 20480'],
    ['0a2401020304', 'malformed_snappy', 'is not a snappy block'],
  ])('of the bytes %s are refused as %s', (hex, code, reason) => {
    const error = errorOf(() => uncompressBlock(Buffer.from(hex, 'hex'), 32 * 1024 * 1024));
    expect(error.code).toBe(code);
    expect(error.message).toContain(reason);
  });
  it('throw nothing but their own error when cut or mangled', () => {
    const whole = compressBlock(Buffer.from('abcabcabcabc'.repeat(50)));
    fc.assert(
      fc.property(fc.nat(whole.length), fc.nat(whole.length - 1), fc.nat(255), (end, at, byte) => {
        const mangled = Buffer.from(whole);
        mangled[at] = byte;
        const cut = mangled.subarray(0, end);
        expect(isReadOrRefused(() => uncompressBlock(cut, 10_000))).toBe(true);
      }),
    );
  });
});
