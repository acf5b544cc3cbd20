import { describe } from '@jest/globals';
import { MemoryBlockFiles } from '#libs/block-files';
import { Labels } from '#libs/labels';
import {
  decodePushJson,
  type LineBatch,
  lineBatchOf,
  LogStore,
  PushDecoder,
  PushError,
} from '#libs/log-store';
import { NO_PAUSES } from '#libs/pace';
import { MemorySegmentStore } from '#libs/record-log';
import { compressBlock } from '#libs/remote-write';
import { storedLines } from '../support/stored-lines.ts';
import { itWithstands, promise } from './fuzz.ts';

const LIMITS = { maxLines: 2_000, maxStreams: 200 };
/** `{app="web"}` with two lines, of which the second has metadata; and its labels behind its line. */
const PUSHES = [
  '0a2f0a0b7b6170703d22776562227d120c0a06088092c1aa061202686912120a06088092c1aa06120268691a040a0161',
  '0a1b120c0a06088092c1aa06120268690a0b7b6170703d22776562227d',
].map((hex) => Buffer.from(hex, 'hex'));
const JSON_PUSHES = [
  '{"streams":[{"stream":{"app":"web"},"values":[["1700000000000000000","hi",{"a":"b"}],["1","x"]]}]}',
  '{"streams":[]}',
];
const NOW_MS = 1_700_000_000_000;
const timer = {
  nowMs: () => NOW_MS,
  after: (_delayMs: number, run: () => void) => {
    const handle = setImmediate(run);
    return () => clearImmediate(handle);
  },
};

function check(batch: LineBatch): boolean {
  promise(batch.count <= LIMITS.maxLines, 'more lines than the limit');
  promise(batch.streams.length === batch.streamEnds.length, 'columns do not add up');
  promise((batch.streamEnds.at(-1) ?? 0) === batch.count, 'lines of no stream');
  for (let i = 0; i < batch.count; i++) {
    promise(batch.starts[i]! <= batch.ends[i]!, 'a line ends before it begins');
    promise(batch.ends[i]! <= batch.bytes.length, 'a line ends behind the bytes');
    promise(batch.metadataEnds[i]! <= batch.metadata.length, 'metadata ends behind the bytes');
  }
  return batch.count > 0;
}

/** A store with lines in its log and in a block. */
async function someStore(): Promise<{ log: Buffer; block: Buffer }> {
  const segments = new MemorySegmentStore();
  const blocks = new MemoryBlockFiles();
  const store = new LogStore(segments, blocks, timer, NO_PAUSES);
  await store.open();
  const metadata = new Map([['trace', 'abc']]);
  const lines = Array.from({ length: 5 }, (_, i) => ({
    timeNs: BigInt(NOW_MS) * 1_000_000n + BigInt(i),
    line: `line ${i}`,
    ...(i % 2 === 0 && { metadata }),
  }));
  const batch = lineBatchOf([{ labels: Labels.fromRecord({ app: 'web' }), lines }]);
  await store.append(batch);
  const log = Buffer.from(segments.bytesOf(1));
  await store.moveToBlock();
  const [block] = await blocks.list();
  const bytes = Buffer.from(blocks.bytesOf(block!.name));
  await store.close();
  return { log, block: bytes };
}

const { log, block } = await someStore();

/** What a store makes of files that were changed: it opens, and what it reads are lines. */
async function openWith(files: { log?: Buffer; block?: Buffer }): Promise<boolean> {
  const segments = new MemorySegmentStore();
  const blocks = new MemoryBlockFiles();
  if (files.log !== undefined) {
    await segments.create(1);
    await segments.append(1, files.log);
    await segments.close(1);
  }
  if (files.block !== undefined) blocks.put('00000001.block', files.block);
  const store = new LogStore(segments, blocks, timer, NO_PAUSES);
  await store.open();
  const lines = await storedLines(store);
  for (const { line } of lines)
    promise(/^line \d$/.test(line), () => `a line that nobody sent: ${line}`);
  await store.close();
  return lines.length > 0;
}

describe('log lines', () => {
  const decoder = new PushDecoder(LIMITS);
  itWithstands({
    name: 'a push of protocol buffers',
    corpus: PUSHES,
    tokens: ['\x0a', '\x12', '\x1a', '\x00', '\x7f', '\x08', '\x10', '{}', '="'],
    refusals: [PushError],
    decode: (input) => check(decoder.decode(compressBlock(input))),
  });
  itWithstands({
    name: 'a snappy block of a push',
    corpus: PUSHES.map((push) => compressBlock(push)),
    tokens: ['\x00', '\xff', '\x7f'],
    refusals: [PushError],
    decode: (input) => check(decoder.decode(input)),
  });
  itWithstands({
    name: 'a push of JSON',
    corpus: JSON_PUSHES,
    tokens: ['{', '}', '[', ']', '"', ',', ':', 'null', '"__proto__":"x"', '1e400', '\\ud800'],
    refusals: [PushError],
    decode: (input) => check(decodePushJson(input, false, LIMITS)),
  });
  itWithstands({
    name: 'a segment of the log of lines',
    corpus: [log],
    tokens: ['BLF1', '\x00', '\xff\xff\xff\xff'],
    refusals: [],
    divisor: 4,
    decode: (input) => openWith({ log: input }),
  });
  itWithstands({
    name: 'a block of lines',
    corpus: [block],
    tokens: ['BNLOGS01', '\x00', '\xff\xff\xff\xff'],
    refusals: [],
    divisor: 4,
    decode: (input) => openWith({ block: input }),
  });
});
