import { gzipSync } from 'node:zlib';
import { MsgpackWriter } from './msgpack-writer.ts';

/** Entries on their way to a server. */
export interface ForwardMessage {
  readonly tag: string;
  /** `[time, record]`, one behind the other. */
  readonly entries: readonly Uint8Array[];
  readonly count: number;
  /** What the server acknowledges; null asks for no acknowledgement. */
  readonly chunk: string | null;
  readonly isCompressed: boolean;
}

/** A message in the form of PackedForward or CompressedPackedForward, in pieces to be written one behind the other. */
export function encodeForwardMessage(message: ForwardMessage): Uint8Array[] {
  const { tag, count, chunk, isCompressed } = message;
  const entries = isCompressed ? [gzipSync(Buffer.concat(message.entries))] : message.entries;
  const byteCount = entries.reduce((sum, { length }) => sum + length, 0);
  const head = new MsgpackWriter(64);
  head.arrayHeader(3);
  head.text(tag);
  head.binaryHeader(byteCount);
  const tail = new MsgpackWriter(64);
  tail.value({
    size: count,
    ...(chunk !== null && { chunk }),
    ...(isCompressed && { compressed: 'gzip' }),
  });
  return [head.written, ...entries, tail.written];
}
