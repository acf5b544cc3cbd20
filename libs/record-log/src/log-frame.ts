import { crc32 } from 'node:zlib';

/*
 * A frame of the log, little-endian:
 *
 *   0   4  "BLF1"
 *   4   4  length of the payload
 *   8   4  CRC-32 of the payload
 *   12  4  CRC-32 of the twelve bytes before
 *   16     payload
 *
 * The header has a checksum of its own so that a damaged payload can be stepped over exactly. Only where the header itself
 * is damaged does the reader search for the next one.
 */

/** Bytes before a frame's payload. */
export const FRAME_HEADER_BYTES = 16;
/** No payload is longer; a header that says so is damaged. */
export const MAX_PAYLOAD_BYTES = 4 * 1_024 * 1_024;

const MAGIC = Buffer.from('BLF1', 'latin1');

/** Writes the header for the payload that already lies at `start + FRAME_HEADER_BYTES` up to `end`. */
export function writeFrameHeader(bytes: Buffer, start: number, end: number): void {
  const payload = start + FRAME_HEADER_BYTES;
  MAGIC.copy(bytes, start);
  bytes.writeUInt32LE(end - payload, start + 4);
  bytes.writeUInt32LE(crc32(bytes.subarray(payload, end)), start + 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(start, start + 12)), start + 12);
}

/** What a scan of one segment found besides its frames. */
export interface ScanSummary {
  /** Stretches of bytes that belong to no valid frame, a torn tail not counted. */
  readonly damagedStretches: number;
  readonly damagedBytes: number;
  /** Length of the last frame's beginning where the rest was never written, or of zeros at the end; 0 for a clean end. */
  readonly tornBytes: number;
  /** Where the torn tail begins; the segment's length if there is none. */
  readonly soundBytes: number;
}

/**
 * Finds the valid frames in a stream of bytes, however it is cut. It never throws and holds at most one frame and one
 * chunk of the stream.
 */
export class FrameScanner {
  readonly #onPayload: (payload: Buffer) => void;
  /** Begins with what is held back; a chunk is added behind it. Always the same memory, for the collector's sake. */
  #buffer: Buffer = Buffer.alloc(0);
  /** A view of it. */
  #held: Buffer = Buffer.alloc(0);
  /** Position in the segment of `#held`'s first byte. */
  #position = 0;
  /** Length of the stretch without a valid frame that is being skipped, and whether all of it is zeros. */
  #skipped = 0;
  #isSkippingZeros = true;
  #damagedStretches = 0;
  #damagedBytes = 0;

  /** `onPayload` gets a view that is valid during the call only. */
  constructor(onPayload: (payload: Buffer) => void) {
    this.#onPayload = onPayload;
  }

  /** Takes the next bytes of the segment; they still belong to the caller afterwards. */
  push(chunk: Uint8Array): void {
    const before = this.#held.length;
    const length = before + chunk.length;
    if (length > this.#buffer.length) {
      this.#buffer = Buffer.allocUnsafe(length + (length >> 1));
      this.#held.copy(this.#buffer);
    }
    this.#buffer.set(chunk, before);
    this.#held = this.#buffer.subarray(0, length);
    const done = this.#scanWhole();
    this.#position += done;
    this.#buffer.copyWithin(0, done, length);
    this.#held = this.#buffer.subarray(0, length - done);
  }

  finish(): ScanSummary {
    // What is held is the beginning of a frame, as far as there were bytes.
    const rest = this.#held.length;
    const isTorn = rest > 0 && (isZeros(this.#held) || isFrameBeginning(this.#held, 0));
    let tornBytes = 0;
    if (isTorn && !(this.#isSkippingZeros && isZeros(this.#held))) {
      this.#endStretch();
      tornBytes = rest;
    } else {
      this.#skip(this.#held);
      if (this.#isSkippingZeros) tornBytes = this.#skipped;
      else this.#endStretch();
    }
    this.#position += rest;
    this.#held = Buffer.alloc(0);
    return {
      damagedStretches: this.#damagedStretches,
      damagedBytes: this.#damagedBytes,
      tornBytes,
      soundBytes: this.#position - tornBytes,
    };
  }

  /** Goes through the frames that are complete. @returns how many bytes are dealt with */
  #scanWhole(): number {
    const held = this.#held;
    let at = 0;
    while (at + FRAME_HEADER_BYTES <= held.length) {
      const end = frameEnd(held, at);
      if (end === NO_FRAME) {
        const next = nextMagic(held, at + 1);
        this.#skip(held.subarray(at, next));
        at = next;
        continue;
      }
      if (end > held.length) break;
      const payload = held.subarray(at + FRAME_HEADER_BYTES, end);
      this.#endStretch();
      if (crc32(payload) === held.readUInt32LE(at + 8)) {
        this.#onPayload(payload);
      } else {
        this.#skip(held.subarray(at, end));
        this.#endStretch();
      }
      at = end;
    }
    return at;
  }

  #skip(bytes: Buffer): void {
    if (this.#isSkippingZeros && !isZeros(bytes)) this.#isSkippingZeros = false;
    this.#skipped += bytes.length;
  }

  #endStretch(): void {
    if (this.#skipped > 0) {
      this.#damagedStretches++;
      this.#damagedBytes += this.#skipped;
    }
    this.#skipped = 0;
    this.#isSkippingZeros = true;
  }
}

const NO_FRAME = -1;

/** Where the frame whose header lies at `at` ends, or `NO_FRAME` if no valid header lies there. */
function frameEnd(bytes: Buffer, at: number): number {
  if (!isFrameBeginning(bytes, at)) return NO_FRAME;
  if (crc32(bytes.subarray(at, at + 12)) !== bytes.readUInt32LE(at + 12)) return NO_FRAME;
  const length = bytes.readUInt32LE(at + 4);
  return length > MAX_PAYLOAD_BYTES ? NO_FRAME : at + FRAME_HEADER_BYTES + length;
}

/** Whether the bytes at `at` are the magic number, or its beginning where there are no more. */
function isFrameBeginning(bytes: Buffer, at: number): boolean {
  const length = Math.min(MAGIC.length, bytes.length - at);
  return bytes.compare(MAGIC, 0, length, at, at + length) === 0;
}

/** Where the next magic number begins, or might with the bytes to come. */
function nextMagic(bytes: Buffer, from: number): number {
  const found = bytes.indexOf(MAGIC, from);
  return found >= 0 ? found : Math.max(from, bytes.length - MAGIC.length + 1);
}

function isZeros(bytes: Buffer): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}
