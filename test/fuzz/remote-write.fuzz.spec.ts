import { describe } from '@jest/globals';
import { parseRetryAfterMs } from '#libs/calendar';
import { createFloatHistogram } from '#libs/histogram';
import { Labels } from '#libs/labels';
import {
  compressBlock,
  type DecodedWrite,
  decodeWriteV2,
  RemoteWriteError,
  uncompressBlock,
  wholeBatch,
  WriteEncoder,
  type WriteMessage,
  WriteV1Decoder,
} from '#libs/remote-write';
import { SampleBatchBuilder } from '#libs/samples';
import { itWithstands, promise } from './fuzz.ts';

const MAX_BYTES = 256 * 1024;
const LIMITS = { maxSamples: 1_000, maxMetadata: 100, maxExemplars: 1_000, maxSymbols: 500 };

function message(version: WriteMessage, seriesCount: number, samples: number): Buffer {
  const builder = new SampleBatchBuilder();
  for (let i = 0; i < seriesCount; i++) {
    builder.addSeries(
      Labels.fromRecord({ __name__: `m${i % 3}`, instance: `host-${i}`, é: '日本' }),
    );
    for (let j = 0; j < samples; j++) builder.addSample(1_700_000_000_000 + j * 15_000, i + j / 3);
  }
  return Buffer.from(new WriteEncoder(version).encode([wholeBatch(builder.take())]));
}

/** Metadata, exemplars and histograms, which our own encoder does not write. */
const METADATA = Buffer.from('1a150801120168220568656c702a2a0773', 'hex');
const EXEMPLARS = Buffer.from(
  '0a2e0a0d0a085f5f6e616d655f5f1201611209090000000000000840100a1a0b0a060a01741201311100000000000000f03f2203080112',
  'hex',
);

const V1 = [message('prometheus.WriteRequest', 3, 2), message('prometheus.WriteRequest', 1, 40)];
const V2 = [
  message('io.prometheus.write.v2.Request', 3, 2),
  message('io.prometheus.write.v2.Request', 1, 40),
  messageOfTheRest(),
];

function field(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
}

/** A message of version 2 with native histograms, start times of samples and of a series, exemplars and metadata. */
function messageOfTheRest(): Buffer {
  const builder = new SampleBatchBuilder();
  builder.addSeries(Labels.fromRecord({ __name__: 'h' }));
  for (let i = 0; i < 3; i++) {
    builder.addHistogram(
      1_700_000_000_000 + i * 15_000,
      createFloatHistogram({
        count: 3 + i,
        sum: 4.5,
        positiveSpans: [{ offset: i, length: 2 }],
        positiveBuckets: [1 + i, 2],
      }),
    );
    builder.setStartTime(1_699_999_999_000 + i);
  }
  const encoded = new WriteEncoder('io.prometheus.write.v2.Request').encode([
    wholeBatch(builder.take()),
  ]);
  const exemplar = Buffer.from('0a02010211000000000000f03f1807', 'hex');
  const metadata = Buffer.from('080118022002', 'hex');
  const series = [
    field(1, Buffer.from([1, 2])),
    field(2, Buffer.from('09000000000000084010151803', 'hex')),
    field(4, exemplar),
    field(5, metadata),
    Buffer.from('3007', 'hex'),
  ];
  return Buffer.concat([encoded, field(5, Buffer.concat(series))]);
}

/** Tags, lengths and varints of both versions, some of them without an end, and whole labels. */
const TOKENS = (
  '0a 12 1a 22 2a 08 10 09 0d 0b 0c 00 01 02 04 7f 0a02 1209 0a00 1200 2a00 80 ff ffffffff0f ffffffffffffffffff01 ' +
  '5f 61 085f5f6e616d655f5f 0a0d0a085f5f6e616d655f5f120161 0a060a0161120162 1209090000000000000840'
)
  .split(' ')
  .map((hex) => Buffer.from(hex, 'hex'));

function checkDecoded(decoded: DecodedWrite, inputBytes: number): void {
  const { batch, metadata } = decoded;
  promise(batch.sampleCount <= LIMITS.maxSamples, 'more samples than the limit');
  promise(metadata.length <= LIMITS.maxMetadata, 'more metadata than the limit');
  promise(batch.labels.length <= inputBytes, 'more series than bytes');
  promise(batch.firstSample[batch.labels.length] === batch.sampleCount, 'columns do not add up');
  for (const labels of batch.labels) {
    promise(labels.metricName !== '', 'a series without a name');
    for (const [name, value] of labels) {
      promise(name.isWellFormed() && value.isWellFormed(), 'a label that is no UTF-8');
    }
  }
}

/** What was taken can be sent on, and arrives as the same. */
function checkReencoded({ batch }: DecodedWrite): void {
  const encoded = new WriteEncoder('prometheus.WriteRequest').encode([wholeBatch(batch)]);
  const again = new WriteV1Decoder(LIMITS).decode(Buffer.from(encoded));
  promise(again.batch.sampleCount === batch.sampleCount, 'a sample was lost on the way');
  const words = (values: Float64Array): Buffer =>
    Buffer.from(values.buffer, values.byteOffset, batch.sampleCount * 8);
  promise(words(batch.values).equals(words(again.batch.values)), 'a value changed');
  promise(words(batch.timesMs).equals(words(again.batch.timesMs)), 'a time changed');
  promise(again.rejectedSamples === 0, 'what was taken once is refused now');
}

describe('remote write', () => {
  itWithstands({
    name: 'snappy block',
    corpus: [
      ...V1.map(compressBlock),
      compressBlock(Buffer.alloc(100_000)),
      compressBlock(Buffer.alloc(0)),
    ],
    tokens: ['\x00', '\x04', '\x7f', '\x01\x00', '\xfe\x01\x00', '\x3c', '\xf0', '\x05\x12hello'],
    refusals: [RemoteWriteError],
    decode(input) {
      const bytes = uncompressBlock(input, MAX_BYTES);
      promise(bytes.length <= MAX_BYTES, 'more bytes than the limit');
      promise(uncompressBlock(compressBlock(bytes), MAX_BYTES).equals(bytes), 'bytes changed');
    },
  });

  // One decoder for all, as a receiver has it: what it keeps must not spill from one request into another.
  const shared = new WriteV1Decoder(LIMITS, 500);
  itWithstands({
    name: 'remote write 1.0',
    corpus: [...V1, METADATA, EXEMPLARS, Buffer.concat([...V1, METADATA, EXEMPLARS])],
    tokens: TOKENS,
    refusals: [RemoteWriteError],
    decode(input) {
      const decoded = shared.decode(input);
      checkDecoded(decoded, input.length);
      const fresh = new WriteV1Decoder(LIMITS).decode(input);
      promise(
        fresh.batch.labels.every((labels, i) => labels.key === decoded.batch.labels[i]!.key),
        'a decoder that has seen other requests finds other labels',
      );
      checkReencoded(decoded);
      return decoded.batch.sampleCount > 0;
    },
  });

  itWithstands({
    name: 'remote write 2.0',
    corpus: [...V2, Buffer.concat(V2)],
    tokens: TOKENS,
    refusals: [RemoteWriteError],
    decode(input) {
      const decoded = decodeWriteV2(input, LIMITS);
      checkDecoded(decoded, input.length);
      checkReencoded(decoded);
      return decoded.batch.sampleCount > 0;
    },
  });

  itWithstands({
    name: 'Retry-After',
    corpus: ['120', 'Wed, 21 Oct 2015 07:28:00 GMT'],
    tokens: ['1', '-', ' ', 'Wed', ',', '21', 'Oct', '2015', ':', '00', 'GMT', '9'],
    refusals: [],
    decode(input) {
      const delayMs = parseRetryAfterMs(input.toString('latin1'), 1_700_000_000_000, 600_000);
      promise(
        delayMs === null || (delayMs >= 0 && delayMs <= 3_600_000),
        `a delay of ${delayMs} ms`,
      );
      return delayMs !== null;
    },
  });
});
