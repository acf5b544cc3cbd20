/** A message whose end has not come yet. */
interface Partial {
  pieces: Buffer[];
  byteCount: number;
  parts: number;
  /** Where its first line begins in the file. */
  readonly firstOffset: number;
  readonly firstSeconds: number;
  readonly firstNanos: number;
  lastSeconds: number;
  lastNanos: number;
  /** When its last part came. */
  changedMs: number;
  droppedBytes: number;
}

/** A message put together. */
export interface JoinedMessage {
  readonly bytes: Buffer;
  readonly parts: number;
  /** Where its first line begins in the file. */
  readonly firstOffset: number;
  readonly seconds: number;
  readonly nanos: number;
  readonly firstSeconds: number;
  readonly firstNanos: number;
  /** Bytes that were left out because the message was too long. */
  readonly droppedBytes: number;
}

/** One line that is a part of a message. */
export interface MessagePart {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly seconds: number;
  readonly nanos: number;
  /** Where its line begins in the file. */
  readonly offset: number;
}

const MAX_PIECES_KEPT_APART = 256;
/** Of all open messages. */
const MAX_OPEN_BYTES = 64 * 1024 * 1024;

/**
 * Joins the parts of long messages, per file and stream, within bounds: what exceeds `maxMessageBytes` is left out and
 * counted, and at most `maxOpen` messages with `maxOpenBytes` together are open at a time.
 */
export class PartialJoiner {
  readonly #open = new Map<string, Map<number, Partial>>();
  readonly #maxMessageBytes: number;
  readonly #maxOpen: number;
  readonly #maxOpenBytes: number;
  #openCount = 0;
  #openBytes = 0;

  constructor(maxMessageBytes: number, maxOpen: number, maxOpenBytes = MAX_OPEN_BYTES) {
    this.#maxOpenBytes = maxOpenBytes;
    this.#maxMessageBytes = maxMessageBytes;
    this.#maxOpen = maxOpen;
  }

  get isEmpty(): boolean {
    return this.#openCount === 0;
  }

  /** Whether a message of this file and stream is open. */
  has(fileKey: string, stream: number): boolean {
    return this.#openCount > 0 && this.#open.get(fileKey)?.has(stream) === true;
  }

  /** Keeps a part. @returns false when too many messages are open: take it for a message of its own */
  add(fileKey: string, stream: number, part: MessagePart, nowMs: number): boolean {
    let streams = this.#open.get(fileKey);
    let partial = streams?.get(stream);
    if (partial === undefined) {
      const isFull = this.#openBytes + part.end - part.start > this.#maxOpenBytes;
      if (this.#openCount >= this.#maxOpen || isFull) return false;
      partial = {
        pieces: [],
        byteCount: 0,
        parts: 0,
        firstOffset: part.offset,
        firstSeconds: part.seconds,
        firstNanos: part.nanos,
        lastSeconds: part.seconds,
        lastNanos: part.nanos,
        changedMs: nowMs,
        droppedBytes: 0,
      };
      if (streams === undefined) {
        streams = new Map();
        this.#open.set(fileKey, streams);
      }
      streams.set(stream, partial);
      this.#openCount++;
    }
    const room = Math.min(
      this.#maxMessageBytes - partial.byteCount,
      this.#maxOpenBytes - this.#openBytes,
    );
    const taken = Math.min(room, part.end - part.start);
    // The line's bytes are used again soon, hence the copy.
    if (taken > 0) {
      partial.pieces.push(Buffer.from(part.bytes.subarray(part.start, part.start + taken)));
      if (partial.pieces.length > MAX_PIECES_KEPT_APART) {
        partial.pieces = [Buffer.concat(partial.pieces)];
      }
    }
    partial.byteCount += taken;
    this.#openBytes += taken;
    partial.droppedBytes += part.end - part.start - taken;
    partial.parts++;
    partial.lastSeconds = part.seconds;
    partial.lastNanos = part.nanos;
    // One that never ends is let go some time after it is as long as it may be, so that it holds back nothing for ever.
    if (room > 0) partial.changedMs = nowMs;
    return true;
  }

  /** Closes the open message of a file and stream. */
  take(fileKey: string, stream: number): JoinedMessage | null {
    const streams = this.#open.get(fileKey);
    const partial = streams?.get(stream);
    if (streams === undefined || partial === undefined) return null;
    streams.delete(stream);
    if (streams.size === 0) this.#open.delete(fileKey);
    this.#openCount--;
    this.#openBytes -= partial.byteCount;
    return {
      bytes: partial.pieces.length === 1 ? partial.pieces[0]! : Buffer.concat(partial.pieces),
      parts: partial.parts,
      firstOffset: partial.firstOffset,
      seconds: partial.lastSeconds,
      nanos: partial.lastNanos,
      firstSeconds: partial.firstSeconds,
      firstNanos: partial.firstNanos,
      droppedBytes: partial.droppedBytes,
    };
  }

  /** Where the earliest open message of a file begins, or Infinity. */
  heldFrom(fileKey: string): number {
    let earliest = Number.POSITIVE_INFINITY;
    const streams = this.#openCount > 0 ? this.#open.get(fileKey) : undefined;
    if (streams === undefined) return earliest;
    for (const partial of streams.values()) earliest = Math.min(earliest, partial.firstOffset);
    return earliest;
  }

  /** Streams of a file whose message has had no part since `beforeMs`; with Infinity, all. */
  overdue(fileKey: string, beforeMs: number): number[] {
    const overdue: number[] = [];
    for (const [stream, partial] of this.#open.get(fileKey) ?? []) {
      if (partial.changedMs < beforeMs) overdue.push(stream);
    }
    return overdue;
  }

  /** Files with open messages. */
  get fileKeys(): IterableIterator<string> {
    return this.#open.keys();
  }
}
