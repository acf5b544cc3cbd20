import { Labels } from '#libs/labels';
import { SampleBatchBuilder } from '#libs/samples';
import {
  compressBlock,
  decodeWriteV2,
  uncompressBlock,
  wholeBatch,
  WriteEncoder,
  WriteV1Decoder,
} from '../src/index.ts';

const SERIES = 10_000;
const ROUNDS = 30;

const builder = new SampleBatchBuilder();
for (let i = 0; i < SERIES; i++) {
  builder.addSeries(
    Labels.fromRecord({
      __name__: `container_metric_${i % 50}_total`,
      namespace: 'default',
      pod: `web-7c9f8d5b6c-${i % 500}`,
      container: 'app',
      instance: '10.0.0.7:9100',
      job: 'kubelet',
    }),
  );
  builder.addSample(1_700_000_000_000, i * 1.25);
}
const slices = [wholeBatch(builder.take())];

function report(what: string, body: () => unknown): void {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const startMs = performance.now();
    body();
    best = Math.min(best, performance.now() - startMs);
  }
  console.log(`${what}: ${((best * 1e6) / SERIES).toFixed(0)} ns/sample`);
}

const v1 = new WriteEncoder('prometheus.WriteRequest');
const v2 = new WriteEncoder('io.prometheus.write.v2.Request');
const v1Bytes = Buffer.from(v1.encode(slices));
const v2Bytes = Buffer.from(v2.encode(slices));
const block = compressBlock(v1Bytes);
const decoder = new WriteV1Decoder();

console.log(
  `1.0: ${v1Bytes.length} bytes, ${block.length} compressed; 2.0: ${v2Bytes.length} bytes`,
);
report('encode 1.0', () => v1.encode(slices));
report('encode 2.0', () => v2.encode(slices));
report('compress 1.0', () => compressBlock(v1Bytes));
report('uncompress 1.0', () => uncompressBlock(block, 1 << 25));
report('decode 1.0, known series', () => decoder.decode(v1Bytes));
report('decode 1.0, new series', () => new WriteV1Decoder().decode(v1Bytes));
report('decode 2.0', () => decodeWriteV2(v2Bytes));
