import { describe, expect, it } from '@jest/globals';
import { ProtobufWriter } from '#libs/protobuf';
import { isStaleMarker } from '#libs/samples';
import fc from 'fast-check';
import { gzipSync } from 'node:zlib';
import { labelsOf } from './attribute-labels.ts';
import { decodeOtlpBody, MAX_OTLP_BYTES } from './decode-body.ts';
import { decodeOtlpJson } from './decode-json.ts';
import { decodeOtlpProtobuf } from './decode-protobuf.ts';
import { encodeExportAnswer } from './export-answer.ts';
import { formatBound, type MappedMetrics, mapMetrics, mapMetricsInTurns } from './map-metrics.ts';
import { labelNameOf, metricNameOf } from './metric-name.ts';
import { type Attribute, type MessageShape, METRICS_REQUEST } from './metrics-request.ts';
import { OtlpError } from './otlp-error.ts';

const TIME = '1700000000123999999';
const TIME_MS = 1_700_000_000_123;

function requestOf(...metrics: object[]): object {
  const attributes = [
    { key: 'service.name', value: { stringValue: 'shop' } },
    { key: 'service.namespace', value: { stringValue: 'eu' } },
    { key: 'service.instance.id', value: { stringValue: 'i-1' } },
    { key: 'host.name', value: { stringValue: 'node-1' } },
  ];
  return { resourceMetrics: [{ resource: { attributes }, scopeMetrics: [{ metrics }] }] };
}

/** Writes what JSON says in protocol buffers, by the table both decoders read. */
function encode(value: object, shape: MessageShape, writer: ProtobufWriter): void {
  for (const [name, held] of Object.entries(value)) {
    const field = shape.byName.get(name)!;
    for (const item of field.isRepeated ? (held as unknown[]) : [held]) {
      encodeField(item, field.number, field.kind, field.message, writer);
    }
  }
}

function encodeField(
  item: unknown,
  number: number,
  kind: string,
  message: (() => MessageShape) | null,
  writer: ProtobufWriter,
): void {
  const tag = (wireType: number): void => writer.writeVarint(number * 8 + wireType);
  if (message !== null) {
    tag(2);
    const start = writer.beginMessage();
    encode(item as object, message(), writer);
    writer.endMessage(start);
  } else if (kind === 'double') {
    tag(1);
    writer.writeDouble(Float64Array.of(Number(item)), 0);
  } else if (kind === 'fixed64' || kind === 'sfixed64' || kind === 'nanos') {
    tag(1);
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(item as string)));
    writer.append(bytes);
  } else if (kind === 'string') {
    tag(2);
    writer.writeString(item as string);
  } else if (kind === 'id') {
    tag(2);
    const start = writer.beginMessage();
    writer.append(Buffer.from(item as string, 'hex'));
    writer.endMessage(start);
  } else if (kind === 'int64') {
    tag(0);
    let rest = BigInt.asUintN(64, BigInt(item as string));
    for (; rest >= 0x80n; rest >>= 7n) writer.append(Uint8Array.of(Number(rest & 0x7fn) | 0x80));
    writer.append(Uint8Array.of(Number(rest)));
  } else {
    tag(0);
    const whole = Number(item);
    writer.writeInt64(kind === 'sint32' ? (whole < 0 ? -2 * whole - 1 : 2 * whole) : whole);
  }
}

function protobufOf(request: object): Buffer {
  const writer = new ProtobufWriter();
  encode(request, METRICS_REQUEST, writer);
  return Buffer.from(writer.written);
}

function samplesOf({ batch }: MappedMetrics): Record<string, number | string> {
  const samples: Record<string, number | string> = {};
  batch.labels.forEach((labels, i) => {
    const at = batch.firstSample[i]!;
    const stale = isStaleMarker(batch.values, at);
    samples[labels.toString()] = stale ? 'stale' : batch.values[at]!;
    expect(batch.timesMs[at]).toBe(TIME_MS);
  });
  return samples;
}

function mapped(...metrics: object[]): MappedMetrics {
  const request = requestOf(...metrics);
  const fromJson = mapMetrics(decodeOtlpJson(JSON.stringify(request)));
  const fromProtobuf = mapMetrics(decodeOtlpProtobuf(protobufOf(request)));
  expect(fromProtobuf).toEqual(fromJson);
  return fromJson;
}

const SERVICE = 'instance="i-1", job="eu/shop"';
const point = { timeUnixNano: TIME };

describe('names', () => {
  it.each([
    ['http.server.duration', 's', 'other', 'http_server_duration_seconds'],
    ['requests', '{request}', 'counter', 'requests_total'],
    ['io.total.bytes', 'By', 'counter', 'io_bytes_total'],
    ['speed', 'm/s', 'gauge', 'speed_meters_per_second'],
    ['cpu.utilization', '1', 'gauge', 'cpu_utilization_ratio'],
    ['5xx', '', 'other', '_5xx'],
    ['ä', '', 'other', ''],
  ] as const)('makes of %s in %s, a %s, %j', (name, unit, kind, expected) => {
    expect(metricNameOf(name, unit, kind)).toBe(expected);
  });
  it.each([
    ['http.method', 'http_method'],
    ['1st', 'key_1st'],
    ['_x', 'key_x'],
    ['a..b', 'a_b'],
  ])('makes of the attribute %s the label %s', (key, expected) => {
    expect(labelNameOf(key)).toBe(expected);
  });
  it.each([
    [0.005, '0.005'],
    [1e21, '1000000000000000000000'],
    [-1.5e-7, '-0.00000015'],
    [10, '10'],
  ])('writes the bound %d as %s', (bound, expected) => {
    expect(formatBound(bound)).toBe(expected);
  });
});

describe('start times', () => {
  it('are those of what is counted, not of gauges', () => {
    const started = { ...point, startTimeUnixNano: '1700000000000000000' };
    const dataPoints = [{ ...started, asInt: '1' }];
    const count = { ...started, count: '3', sum: 2 };
    const buckets = { ...count, bucketCounts: ['1', '2'], explicitBounds: [1] };
    const { batch } = mapped(
      { name: 'g', gauge: { dataPoints } },
      { name: 'c', sum: { dataPoints, aggregationTemporality: 2, isMonotonic: true } },
      { name: 'u', sum: { dataPoints, aggregationTemporality: 2 } },
      {
        name: 'h',
        histogram: { dataPoints: [buckets], aggregationTemporality: 2 },
      },
      {
        name: 's',
        summary: { dataPoints: [{ ...count, quantileValues: [{ quantile: 0.5, value: 1 }] }] },
      },
    );
    const names = batch.labels
      .filter((_, i) => batch.startTimesMs![batch.firstSample[i]!] === 1_700_000_000_000)
      .map((labels) => labels.metricName);
    expect(names).toEqual([
      'c_total',
      'h_sum',
      'h_count',
      'h_bucket',
      'h_bucket',
      's_sum',
      's_count',
    ]);
  });
});

const exponential = (scale: number): object => ({
  name: 'e',
  exponentialHistogram: {
    aggregationTemporality: 2,
    dataPoints: [
      {
        ...point,
        scale,
        count: '7',
        zeroCount: '1',
        zeroThreshold: 0.25,
        positive: { offset: -1, bucketCounts: ['1', '2'] },
        negative: { offset: 3, bucketCounts: ['3'] },
      },
    ],
  },
});

describe('mapMetrics', () => {
  it('maps sums, gauges and the resource', () => {
    const attributes = [
      { key: 'a.b', value: { stringValue: 'x' } },
      { key: 'a-b', value: { intValue: '9007199254740993' } },
    ];
    const result = mapped(
      {
        name: 'hits',
        description: 'Hits.',
        sum: {
          aggregationTemporality: 2,
          isMonotonic: true,
          dataPoints: [{ ...point, attributes, asInt: '7' }],
        },
      },
      { name: 'load', gauge: { dataPoints: [{ ...point, asDouble: 0.5 }] } },
      { name: 'gone', gauge: { dataPoints: [{ ...point, flags: 1 }] } },
    );
    expect(samplesOf(result)).toEqual({
      [`hits_total{a_b="9007199254740993;x", ${SERVICE}}`]: 7,
      [`load{${SERVICE}}`]: 0.5,
      [`gone{${SERVICE}}`]: 'stale',
      [`target_info{host_name="node-1", ${SERVICE}}`]: 1,
    });
    expect(result.metadata[0]).toEqual({
      family: 'hits_total',
      type: 'counter',
      help: 'Hits.',
      unit: '',
    });
  });
  it('maps a histogram and its exemplars', () => {
    const result = mapped({
      name: 'wait',
      unit: 's',
      histogram: {
        aggregationTemporality: 2,
        dataPoints: [
          {
            ...point,
            count: '6',
            sum: 3.5,
            bucketCounts: ['1', '2', '3'],
            explicitBounds: [0.1, 1],
            exemplars: [{ ...point, asDouble: 0.5, traceId: 'ab'.repeat(16), spanId: 'cd' }],
          },
        ],
      },
    });
    expect(samplesOf(result)).toMatchObject({
      [`wait_seconds_sum{${SERVICE}}`]: 3.5,
      [`wait_seconds_count{${SERVICE}}`]: 6,
      [`wait_seconds_bucket{${SERVICE}, le="0.1"}`]: 1,
      [`wait_seconds_bucket{${SERVICE}, le="1"}`]: 3,
      [`wait_seconds_bucket{${SERVICE}, le="+Inf"}`]: 6,
    });
    expect(result.exemplars[0]!.series.get('le')).toBe('1');
    expect(result.exemplars[0]!.labels.toRecord()).toEqual({
      trace_id: 'ab'.repeat(16),
      span_id: 'cd',
    });
  });
  it('maps an exponential histogram, coarsened to schema 8', () => {
    expect(mapped(exponential(3)).batch.histograms![0]).toMatchObject({
      schema: 3,
      count: 7,
      zeroThreshold: 0.25,
      positiveSpans: [{ offset: 0, length: 2 }],
      positiveBuckets: [1, 2],
      negativeSpans: [{ offset: 4, length: 1 }],
    });
    expect(mapped(exponential(20)).batch.histograms![0]!.schema).toBe(8);
    expect(mapped(exponential(-5)).firstRejection).toContain('scale -5');
  });
  it('maps a summary', () => {
    const quantileValues = [{ quantile: 0.5, value: 2 }];
    const summary = { dataPoints: [{ ...point, count: '3', sum: 6, quantileValues }] };
    expect(samplesOf(mapped({ name: 's', summary }))).toMatchObject({
      [`s{${SERVICE}, quantile="0.5"}`]: 2,
      [`s_sum{${SERVICE}}`]: 6,
      [`s_count{${SERVICE}}`]: 3,
    });
  });
  it('refuses delta temporality and takes the rest', () => {
    const dataPoints = [{ ...point, asDouble: 1 }];
    const result = mapped(
      { name: 'd', sum: { aggregationTemporality: 1, isMonotonic: true, dataPoints } },
      { name: 'g', gauge: { dataPoints } },
    );
    expect([result.points, result.rejectedPoints]).toEqual([2, 1]);
    expect(result.firstRejection).toBe('"d" has delta temporality; accepted is cumulative');
  });
  it('reads the same from both encodings', () => {
    const number = fc.oneof(
      fc.record({ asDouble: fc.double({ noNaN: true, noDefaultInfinity: true }) }),
      fc.record({ asInt: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map(String) }),
    );
    const keys = fc.array(fc.string({ unit: 'grapheme', maxLength: 8 }), { maxLength: 4 });
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), number, keys, (name, value, attributeKeys) => {
        const attributes = attributeKeys.map((key) => ({ key, value: { stringValue: key } }));
        const result = mapped({
          name,
          gauge: { dataPoints: [{ ...point, ...value, attributes }] },
        });
        expect(result.points).toBe(1);
      }),
    );
  });
});

describe('hostile requests', () => {
  const nested = '{"arrayValue":{"values":['.repeat(10_000) + ']}}'.repeat(10_000);
  it.each([
    [`{"resourceMetrics":[{"resource":{"attributes":[{"key":"a","value":${nested}}]}}]}`, 'nested'],
    ['{"resourceMetrics":{}}', 'resourceMetrics is a object where an array is due'],
    ['[]', 'the request is an array where an object is due'],
    ['{', 'no JSON'],
  ])('refuses JSON %#', (text, reason) => {
    expect(() => decodeOtlpJson(text)).toThrow(OtlpError);
    expect(() => decodeOtlpJson(text)).toThrow(reason);
  });
  it('refuses protocol buffers that nest, reach beyond their end or are too many', () => {
    let value = Buffer.from('0a0161', 'hex');
    for (let i = 0; i < 2_000; i++) value = wrap(5 * 8 + 2, wrap(0x0a, value));
    const attribute = wrap(0x0a, wrap(0x12, value));
    expect(() => decodeOtlpProtobuf(wrap(0x0a, wrap(0x0a, attribute)))).toThrow('nested deeper');
    expect(() => decodeOtlpProtobuf(Buffer.from('0aff01', 'hex'))).toThrow('beyond the message');
    expect(() => decodeOtlpProtobuf(Buffer.from('0b', 'hex'))).toThrow('wire type 3');
    const limits = { maxElements: 2, maxDepth: 9, maxAttributes: 1 };
    expect(() => decodeOtlpProtobuf(Buffer.from('0a000a00', 'hex'), limits)).toThrow('more than 2');
  });
});

function wrap(tag: number, content: Uint8Array): Buffer<ArrayBuffer> {
  const writer = new ProtobufWriter();
  writer.writeVarint(tag);
  const start = writer.beginMessage();
  writer.append(content);
  writer.endMessage(start);
  return Buffer.from(writer.written);
}

describe('encodeExportAnswer', () => {
  it('tells of partial success in both encodings', () => {
    expect(encodeExportAnswer('protobuf', 2, 'no').toString('hex')).toBe('0a06080212026e6f');
    expect(encodeExportAnswer('protobuf', 0, '').length).toBe(0);
    expect(String(encodeExportAnswer('json', 0, ''))).toBe('{}');
    expect(JSON.parse(String(encodeExportAnswer('json', 2, 'no')))).toEqual({
      partialSuccess: { rejectedDataPoints: '2', errorMessage: 'no' },
    });
  });
});

describe('decodeOtlpBody', () => {
  const gzipped = { encoding: 'json', isGzipped: true } as const;

  it('unpacks what is compressed, in any number of members', () => {
    const body = Buffer.concat([gzipSync('{"resource'), gzipSync('Metrics":[]}')]);
    expect(decodeOtlpBody(body, gzipped)).toEqual({ resourceMetrics: [] });
  });

  it.each([
    ['protobuf', Buffer.alloc(MAX_OTLP_BYTES.protobuf + 1), 'too_large'],
    ['json', Buffer.alloc(MAX_OTLP_BYTES.json + 1, ' '), 'too_large'],
    ['json', Buffer.from('7b22ff227d', 'hex'), 'malformed_json'],
  ] as const)('refuses such %s, compressed or not (%#)', (encoding, body, code) => {
    for (const isGzipped of [false, true]) {
      const sent = isGzipped ? gzipSync(body) : body;
      expect(() => decodeOtlpBody(sent, { encoding, isGzipped })).toThrow(
        expect.objectContaining({ name: 'OtlpError', code }),
      );
    }
  });

  it('refuses what only says that it is compressed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(() => decodeOtlpBody(Buffer.from(bytes), gzipped)).toThrow(OtlpError);
      }),
    );
  });
});

function attributesOf(pairs: readonly (readonly [string, string])[]): Attribute[] {
  return pairs.map(([key, stringValue]) => ({ key, value: { stringValue } }));
}

describe('labelsOf', () => {
  it('gives the same labels for few attributes as for many', () => {
    // So many that they are sorted in another way; their names come after all others.
    const more = Array.from({ length: 65 }, (_, i) => [`zz${i}`, 'x'] as const);
    const key = fc.stringMatching(/^[a-c._]{0,3}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.constantFrom('', '1', '2'))), (pairs) => {
        const few = labelsOf(attributesOf(pairs));
        const many = labelsOf(attributesOf([...pairs, ...more]));
        expect(few.toRecord()).toEqual(many.filter((name) => !name.startsWith('zz')).toRecord());
      }),
    );
  });
});

describe('mapMetricsInTurns', () => {
  it('maps the same, and asks often whether to pause', async () => {
    const dataPoints = Array.from({ length: 1_000 }, (_, i) => ({ ...point, asDouble: i }));
    const text = JSON.stringify(requestOf({ name: 'm', gauge: { dataPoints } }));
    let asked = 0;
    const inTurns = await mapMetricsInTurns(decodeOtlpJson(text), () => {
      asked++;
      return asked % 2 === 0 ? Promise.resolve() : null;
    });
    expect(inTurns).toEqual(mapMetrics(decodeOtlpJson(text)));
    expect(asked).toBeGreaterThan(10);
  });
});
