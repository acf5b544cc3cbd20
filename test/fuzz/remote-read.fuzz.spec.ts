import { describe } from '@jest/globals';
import { Labels, Matcher } from '#libs/labels';
import {
  CHUNK_ENCODINGS,
  ChunkedAnswerReader,
  ChunkedAnswerWriter,
  chunkSampleCount,
  crc32c,
  decodeReadRequest,
  DEFAULT_READ_REQUEST_LIMITS,
  encodeReadRequest,
  type ReadChunkedSeries,
  type ReadRequest,
  RemoteReadError,
  XorChunkColumns,
} from '#libs/remote-read';
import { compressBlock, uncompressBlock } from '#libs/remote-write';
import { createSampleWindow, type SampleWindow } from '#libs/samples';
import { itWithstands, promise } from './fuzz.ts';

const LIMITS = { ...DEFAULT_READ_REQUEST_LIMITS, maxQueries: 20, maxMatchers: 50 };
const MAX_FRAME_BYTES = 64 * 1024;

const REQUEST = encodeReadRequest({
  queries: [
    {
      startMs: 1_700_000_000_000,
      endMs: 1_700_000_060_000,
      matchers: [new Matcher('__name__', '=', 'up'), new Matcher('job', '=~', 'a|b.*')],
    },
    {
      startMs: -1,
      endMs: 1,
      matchers: [new Matcher('é', '!~', '日本'), new Matcher('x', '!=', '')],
    },
  ],
  accepted: ['STREAMED_XOR_CHUNKS', 'SAMPLES'],
});

function answer(sampleCount: number): Buffer {
  const window = createSampleWindow();
  window.timesMs = Float64Array.from(
    { length: sampleCount },
    (_, i) => 1_700_000_000_000 + 15_000 * i,
  );
  window.values = Float64Array.from({ length: sampleCount }, (_, i) =>
    i % 7 === 0 ? i : Math.sin(i),
  );
  window.end = sampleCount;
  const writer = new ChunkedAnswerWriter();
  writer.addSeries(0, Labels.fromRecord({ __name__: 'up', job: 'a' }), window);
  writer.addSeries(1, Labels.fromRecord({ __name__: 'é', job: '日本' }), window);
  return writer.take();
}

/** Tags, lengths and numbers of both messages, and whole matchers. */
const TOKENS = (
  '0a 12 1a 22 08 10 18 20 00 01 02 03 04 05 7f 0a00 1a00 1001 12020100 80 ff ffffffff0f ffffffffffffffffff01 ' +
  '1a0a0802120361626372 1a080803120178 28 0a0b08011a0708001203757020'
)
  .split(' ')
  .map((hex) => Buffer.from(hex, 'hex'));

function texts({ queries, accepted }: ReadRequest): string {
  return JSON.stringify([accepted, queries.map(({ matchers }) => matchers.map(({ key }) => key))]);
}

function checkReencoded(request: ReadRequest): void {
  const again = decodeReadRequest(encodeReadRequest(request), LIMITS);
  promise(texts(again) === texts(request), 'a request changed on the way');
}

function floatsOf(series: readonly ReadChunkedSeries[]): XorChunkColumns {
  const columns = new XorChunkColumns();
  for (const { chunks } of series) {
    for (const { encoding, data } of chunks) {
      if (encoding !== CHUNK_ENCODINGS.xor) continue;
      const before = columns.length;
      columns.add(data);
      promise(columns.length - before === chunkSampleCount(data), 'not as many samples as said');
      promise(columns.length - before <= 4 * data.length, 'more samples than bits');
    }
  }
  return columns;
}

function read(...parts: Buffer[]): readonly ReadChunkedSeries[] {
  const reader = new ChunkedAnswerReader(MAX_FRAME_BYTES);
  const found = parts.flatMap((part) => reader.push(part));
  reader.end();
  return found;
}

describe('remote read', () => {
  itWithstands({
    name: 'remote-read request',
    corpus: [uncompressBlock(REQUEST, 1 << 20)],
    tokens: TOKENS,
    refusals: [RemoteReadError],
    decode(input) {
      const request = decodeReadRequest(compressBlock(input), LIMITS);
      promise(request.queries.length <= LIMITS.maxQueries, 'more queries than the limit');
      const matchers = request.queries.reduce((sum, one) => sum + one.matchers.length, 0);
      promise(matchers <= LIMITS.maxMatchers, 'more matchers than the limit');
      promise(new Set(request.accepted).size === request.accepted.length, 'a type given twice');
      checkReencoded(request);
      return matchers > 0;
    },
  });

  itWithstands({
    name: 'remote-read request, compressed',
    corpus: [REQUEST],
    tokens: TOKENS,
    refusals: [RemoteReadError],
    decode: (input) => decodeReadRequest(input, LIMITS).queries.length > 0,
  });

  itWithstands({
    name: 'remote-read answer in chunks',
    corpus: [answer(3), answer(200)],
    tokens: TOKENS,
    refusals: [RemoteReadError],
    decode(input, random) {
      const cut = random.below(input.length + 1);
      const series = read(input);
      const inTwo = read(input.subarray(0, cut), input.subarray(cut));
      promise(inTwo.length === series.length, 'it depends on how the answer is cut');
      return floatsOf(series).length > 0;
    },
  });

  // With damage to a frame its checksum would hardly ever fit.
  itWithstands({
    name: 'remote-read frame',
    corpus: [messageOf(answer(3)), messageOf(answer(200))],
    tokens: TOKENS,
    refusals: [RemoteReadError],
    decode(input) {
      const head = Buffer.alloc(9);
      let at = 0;
      for (let rest = input.length; ; rest >>>= 7) {
        head[at++] = rest < 0x80 ? rest : (rest & 0x7f) | 0x80;
        if (rest < 0x80) break;
      }
      head.writeUInt32BE(crc32c(input), at);
      const reader = new ChunkedAnswerReader(2 * MAX_FRAME_BYTES);
      const series = reader.push(Buffer.concat([head.subarray(0, at + 4), input]));
      reader.end();
      for (const { labels } of series) {
        for (const [name, value] of labels) {
          promise(name.isWellFormed() && value.isWellFormed(), 'a label that is no UTF-8');
        }
      }
      return floatsOf(series).length > 0;
    },
  });

  const chunks = new ChunkedAnswerReader();
  itWithstands({
    name: 'XOR chunk of Prometheus',
    corpus: [answer(1), answer(2), answer(120)].flatMap((one) =>
      chunks.push(one).map((series) => series.chunks[0]!.data),
    ),
    tokens: TOKENS,
    refusals: [RemoteReadError],
    decode(input) {
      const columns = new XorChunkColumns();
      columns.add(input);
      promise(columns.length === chunkSampleCount(input), 'not as many samples as said');
      checkRewritten(columns);
      return columns.length > 0;
    },
  });
});

/** The message of the first frame. */
function messageOf(frames: Buffer): Buffer {
  const isShort = frames[0]! < 0x80;
  const length = isShort ? frames[0]! : (frames[0]! & 0x7f) | (frames[1]! << 7);
  const start = (isShort ? 1 : 2) + 4;
  return frames.subarray(start, start + length);
}

/** What was read is written and read as the same again, where its times are ones that a store would have. */
function checkRewritten({ timesMs, values, length }: XorChunkColumns): void {
  for (let i = 0; i < length; i++) {
    const isUsual = Math.abs(timesMs[i]!) < 2 ** 51 && (i === 0 || timesMs[i]! > timesMs[i - 1]!);
    if (!isUsual) return;
  }
  const window: SampleWindow = { ...createSampleWindow(), timesMs, values, start: 0, end: length };
  const writer = new ChunkedAnswerWriter();
  writer.addSeries(0, Labels.fromRecord({ __name__: 'x' }), window);
  const again = floatsOf(new ChunkedAnswerReader().push(writer.take()));
  const bytesOf = (column: Float64Array): Buffer =>
    Buffer.from(column.buffer, column.byteOffset, 8 * length);
  promise(again.length === length, 'a sample was lost on the way');
  promise(bytesOf(again.timesMs).equals(bytesOf(timesMs)), 'a time changed');
  promise(bytesOf(again.values).equals(bytesOf(values)), 'a value changed');
}
