/** CPU time for decoding and mapping a batch as OpenTelemetry's collector sends it: 8,192 data points with ten attributes each. */
import { ProtobufWriter } from '#libs/protobuf';
import { decodeOtlpJson, decodeOtlpProtobuf, mapMetrics } from '#libs/otlp';

const POINTS = 8_192;
const ROUNDS = 20;
const TIME = 1_700_000_000_000_000_000n;

function attributes(i: number): object[] {
  return Array.from({ length: 10 }, (_, n) => ({
    key: `http.attribute.${n}`,
    value: { stringValue: `value-${n === 0 ? i : n}` },
  }));
}

function requestOf(metric: (points: object[]) => object, point: (i: number) => object): string {
  const dataPoints = Array.from({ length: POINTS }, (_, i) => ({
    attributes: attributes(i),
    timeUnixNano: String(TIME),
    ...point(i),
  }));
  const resource = {
    attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }],
  };
  return JSON.stringify({
    resourceMetrics: [{ resource, scopeMetrics: [{ metrics: [metric(dataPoints)] }] }],
  });
}

/** The same counters in protocol buffers. */
function protobufOf(): Buffer {
  const writer = new ProtobufWriter();
  const message = (number: number, fill: () => void): void => {
    writer.writeVarint(number * 8 + 2);
    const start = writer.beginMessage();
    fill();
    writer.endMessage(start);
  };
  const text = (number: number, value: string): void => {
    writer.writeVarint(number * 8 + 2);
    writer.writeString(value);
  };
  const point = (i: number): void => {
    for (let n = 0; n < 10; n++) {
      message(7, () => {
        text(1, `http.attribute.${n}`);
        message(2, () => text(1, `value-${n === 0 ? i : n}`));
      });
    }
    const time = Buffer.alloc(9, 3 * 8 + 1);
    time.writeBigUInt64LE(TIME, 1);
    writer.append(time);
    writer.writeVarint(4 * 8 + 1);
    writer.writeDouble(Float64Array.of(i), 0);
  };
  const metric = (): void => {
    text(1, 'http.requests');
    message(7, () => {
      for (let i = 0; i < POINTS; i++) message(1, () => point(i));
      writer.writeVarint(2 * 8);
      writer.writeVarint(2);
    });
  };
  message(1, () => message(2, () => message(2, metric)));
  return Buffer.from(writer.written);
}

const counters = requestOf(
  (dataPoints) => ({ name: 'http.requests', sum: { dataPoints, aggregationTemporality: 2 } }),
  (i) => ({ asDouble: i }),
);
const histograms = requestOf(
  (dataPoints) => ({ name: 'latency', histogram: { dataPoints, aggregationTemporality: 2 } }),
  () => ({
    count: '15',
    sum: 1.5,
    bucketCounts: Array(16).fill('1'),
    explicitBounds: Array.from({ length: 15 }, (_, i) => i / 10),
  }),
);
const protobuf = protobufOf();

function measure(name: string, run: () => number): void {
  let samples = 0;
  for (let i = 0; i < 5; i++) run();
  const start = process.cpuUsage();
  for (let i = 0; i < ROUNDS; i++) samples = run();
  const { user, system } = process.cpuUsage(start);
  const ms = (user + system) / 1_000 / ROUNDS;
  const microseconds = (1_000 * ms) / POINTS;
  process.stdout.write(
    `${name}: ${ms.toFixed(1)} ms, ${microseconds.toFixed(2)} µs a point, ${samples} samples\n`,
  );
}

const counterRequest = decodeOtlpProtobuf(protobuf);
const histogramRequest = decodeOtlpJson(histograms);
measure('decode counters, protobuf', () => (decodeOtlpProtobuf(protobuf), 0));
measure('decode counters, JSON', () => (decodeOtlpJson(counters), 0));
measure('map counters', () => mapMetrics(counterRequest).batch.sampleCount);
measure('map histograms', () => mapMetrics(histogramRequest).batch.sampleCount);
