import { Labels } from '#libs/labels';
import { createSampleWindow } from '#libs/samples';
import {
  ChunkedAnswerReader,
  ChunkedAnswerWriter,
  crc32c,
  SampledAnswerWriter,
  XorChunkColumns,
} from '../src/index.ts';

const SERIES = 1_000;
const SAMPLES = 240;
const ROUNDS = 20;

const window = createSampleWindow();
window.timesMs = Float64Array.from({ length: SAMPLES }, (_, i) => 1_700_000_000_000 + 15_000 * i);
// A counter and a gauge in turn, which is what most series are.
window.values = Float64Array.from({ length: SAMPLES }, (_, i) =>
  i % 2 === 0 ? 1_000 + 7 * i : Math.round(Math.sin(i) * 1_000) / 1_000,
);
window.end = SAMPLES;
const labels = Array.from({ length: SERIES }, (_, i) =>
  Labels.fromRecord({ __name__: 'container_metric', namespace: 'default', pod: `web-${i}` }),
);

function report(what: string, body: () => unknown): void {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const startMs = performance.now();
    body();
    best = Math.min(best, performance.now() - startMs);
  }
  console.log(`${what}: ${((best * 1e6) / (SERIES * SAMPLES)).toFixed(1)} ns/sample`);
}

function writeChunks(): Buffer {
  const writer = new ChunkedAnswerWriter();
  for (const one of labels) writer.addSeries(0, one, window);
  return writer.take();
}

function writeSamples(): Buffer {
  const writer = new SampledAnswerWriter(SERIES * SAMPLES);
  writer.beginResult();
  for (const one of labels) writer.addSeries(one, window);
  writer.endResult();
  return writer.written;
}

const frames = writeChunks();
console.log(`chunks: ${frames.length} bytes; samples: ${writeSamples().length} bytes`);
report('write chunks', writeChunks);
report('write samples', writeSamples);
report('checksum', () => crc32c(frames));
report('read chunks', () => {
  const columns = new XorChunkColumns();
  for (const { chunks } of new ChunkedAnswerReader().push(frames)) {
    columns.clear();
    for (const { data } of chunks) columns.add(data);
  }
});
