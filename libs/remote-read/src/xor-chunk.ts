import { BitReader } from './bit-reader.ts';
import { BitWriter } from './bit-writer.ts';
import { LOW_WORD, XorValues } from './xor-values.ts';

/*
 * Prometheus's chunk of floats (tsdb/docs/format/chunks.md, "XOR chunk data"):
 *
 *   number of samples   16 bits
 *   first sample        time as a signed varint, value in 64 bits
 *   second sample       distance in time as an unsigned varint, value as what changed
 *   further samples     change of the distance: 0, or 10 / 110 / 1110 and 14 / 17 / 20 bits, or 1111 and 64 bits;
 *                       value as what changed
 */

const writer = new BitWriter();
const values = new XorValues();

/** As Prometheus counts what fits: one more above zero than below. */
function fits(value: number, bits: number): boolean {
  const half = 2 ** (bits - 1);
  return value > -half && value <= half;
}

/** Writes how much a distance in time has changed. */
function writeChange(change: number): void {
  if (change === 0) writer.bits(0, 1);
  else if (fits(change, 14)) writer.bits(0x8000 | (change & 0x3fff), 16);
  else if (fits(change, 17)) writer.bits(0xc_0000 | (change & 0x1_ffff), 20);
  else if (fits(change, 20)) writer.bits(0xe0_0000 | (change & 0xf_ffff), 24);
  else {
    writer.bits(0b1111, 4);
    writer.longBits(change, 64);
  }
}

/**
 * Encodes the samples `start` to `end` (at least one, at most 65,535) of two columns; times are whole milliseconds.
 * @param valueWords the values seen as 32-bit words, two a value
 * @returns the chunk, valid until the next call
 */
export function encodeXorChunk(
  timesMs: Float64Array,
  valueWords: Uint32Array,
  start: number,
  end: number,
): Uint8Array {
  writer.clear();
  writer.bits(end - start, 16);
  let timeMs = timesMs[start]!;
  let deltaMs = 0;
  writer.uvarint(timeMs >= 0 ? 2 * timeMs : -2 * timeMs - 1);
  values.first(writer, valueWords[2 * start + 1 - LOW_WORD]!, valueWords[2 * start + LOW_WORD]!);
  for (let i = start + 1; i < end; i++) {
    const nextDeltaMs = timesMs[i]! - timeMs;
    timeMs = timesMs[i]!;
    if (i === start + 1) writer.uvarint(nextDeltaMs);
    else writeChange(nextDeltaMs - deltaMs);
    deltaMs = nextDeltaMs;
    values.next(writer, valueWords[2 * i + 1 - LOW_WORD]!, valueWords[2 * i + LOW_WORD]!);
  }
  return writer.written;
}

/** How many samples a chunk of any encoding says it has; 0 where it is too short to say. */
export function chunkSampleCount(chunk: Uint8Array): number {
  return chunk.length < 2 ? 0 : (chunk[0]! << 8) | chunk[1]!;
}

/** Floats out of chunks, in growing columns that are used again and again. */
export class XorChunkColumns {
  timesMs = new Float64Array(256);
  values = new Float64Array(256);
  #words = new Uint32Array(this.values.buffer);
  length = 0;

  clear(): void {
    this.length = 0;
  }

  /** Adds the samples of a chunk. @throws RemoteReadError when it does not hold as many as it says */
  add(chunk: Uint8Array): void {
    const reader = new BitReader(chunk);
    const count = reader.bits(16);
    // A sample takes two bits at least, so that a length that lies orders no memory.
    if (count > 4 * chunk.length) reader.fail(`it cannot hold ${count} samples`);
    this.#reserve(count);
    let timeMs = 0;
    let deltaMs = 0;
    let high = 0;
    let low = 0;
    let leading = 0;
    let length = 0;
    for (let i = 0; i < count; i++) {
      if (i === 0) {
        const coded = reader.uvarint();
        timeMs = coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2;
        high = reader.bits(32);
        low = reader.bits(32);
      } else {
        if (i === 1) deltaMs = reader.uvarint();
        else deltaMs += readChange(reader);
        timeMs += deltaMs;
        if (reader.bit() === 1) {
          if (reader.bit() === 1) {
            leading = reader.bits(5);
            length = reader.bits(6);
            if (length === 0) length = 64;
            if (leading + length > 64) reader.fail('it has an impossible value');
          } else if (length === 0) {
            reader.fail('it has an impossible value');
          }
          const trailing = 64 - leading - length;
          const windowHigh = length > 32 ? reader.bits(length - 32) : 0;
          const windowLow = reader.bits(Math.min(length, 32));
          if (trailing >= 32) {
            high ^= windowLow << (trailing - 32);
          } else if (trailing > 0) {
            high ^= (windowHigh << trailing) | (windowLow >>> (32 - trailing));
            low ^= windowLow << trailing;
          } else {
            high ^= windowHigh;
            low ^= windowLow;
          }
        }
      }
      const at = this.length++;
      this.timesMs[at] = timeMs;
      this.#words[2 * at + 1 - LOW_WORD] = high;
      this.#words[2 * at + LOW_WORD] = low;
    }
  }

  #reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.timesMs.length) return;
    const capacity = Math.max(needed, 2 * this.timesMs.length);
    const timesMs = new Float64Array(capacity);
    const words = new Uint32Array(2 * capacity);
    timesMs.set(this.timesMs.subarray(0, this.length));
    words.set(this.#words.subarray(0, 2 * this.length));
    this.timesMs = timesMs;
    this.values = new Float64Array(words.buffer);
    this.#words = words;
  }
}

function readChange(reader: BitReader): number {
  if (reader.bit() === 0) return 0;
  if (reader.bit() === 0) return signed(reader.bits(14), 14);
  if (reader.bit() === 0) return signed(reader.bits(17), 17);
  if (reader.bit() === 0) return signed(reader.bits(20), 20);
  const high = reader.bits(32) | 0;
  return high * 2 ** 32 + reader.bits(32);
}

function signed(value: number, bits: number): number {
  return value > 2 ** (bits - 1) ? value - 2 ** bits : value;
}
