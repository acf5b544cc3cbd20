import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { STALE_MARKER_HIGH, STALE_MARKER_LOW } from '#libs/samples';
import {
  ChunkError,
  decodeXorChunk,
  LOW_WORD,
  MAX_SAMPLE_BYTES,
  XorAppender,
} from './xor-chunk.ts';

type Sample = readonly [timeMs: number, high: number, low: number];

function encode(samples: readonly Sample[], start = 0): XorAppender {
  const appender = new XorAppender();
  appender.reset(new Uint8Array(start + samples.length * MAX_SAMPLE_BYTES).fill(0xa5), start);
  for (const [timeMs, high, low] of samples) appender.append(timeMs, high, low);
  return appender;
}

function decode(bytes: Uint8Array, start: number, end: number, count: number): Sample[] {
  const timesMs = new Float64Array(count);
  const words = new Uint32Array(count * 2);
  decodeXorChunk(bytes, start, end, count, timesMs, words, 0);
  return Array.from({ length: count }, (_, i) => [
    timesMs[i]!,
    words[2 * i + 1 - LOW_WORD]!,
    words[2 * i + LOW_WORD]!,
  ]);
}

const word = fc.oneof(
  fc.nat({ max: 0xffff_ffff }),
  fc.constantFrom(0, 1, 0xffff_ffff, 0x8000_0000, 0x7ff0_0000, 0x7ff8_0000, 0x3ff0_0000),
);
const time = fc.oneof(
  fc.integer({ min: -(2 ** 52) + 1, max: 2 ** 52 - 1 }),
  fc.integer({ min: -2_000_000, max: 2_000_000 }),
  fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }),
);
const sample = fc.tuple(time, word, word);

describe('XOR chunks', () => {
  it('give back any times and any bits of values', () => {
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 60 }), fc.nat({ max: 9 }), (samples, start) => {
        const { bytes, bitLength } = encode(samples, start);
        const end = start + Math.ceil(bitLength / 8);
        expect(decode(bytes, start, end, samples.length)).toEqual(samples);
        // Nothing behind the end is needed.
        expect(decode(bytes.slice(0, end), start, end, samples.length)).toEqual(samples);
      }),
      { numRuns: 500 },
    );
  });
  it('take two bits for a sample that comes on time with the same value', () => {
    const samples = Array.from({ length: 102 }, (_, i): Sample => [i * 15_000, 0x3ff00000, 0]);
    expect(encode(samples).bitLength).toBe(128 + 20 + 1 + 100 * 2);
  });
  it('keep a stale marker among numbers', () => {
    const samples: Sample[] = [
      [0, 0x3ff00000, 0],
      [15_000, STALE_MARKER_HIGH, STALE_MARKER_LOW],
      [30_000, 0x40000000, 0],
    ];
    const { bytes, bitLength } = encode(samples);
    expect(decode(bytes, 0, Math.ceil(bitLength / 8), 3)).toEqual(samples);
  });
  it('end in an error, never in a crash, when bytes are missing or changed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat({ max: 200 }), (bytes, count) => {
        const outcome = ((): unknown => {
          try {
            return decode(bytes, 0, bytes.length, count).length;
          } catch (error) {
            return error;
          }
        })();
        expect(outcome instanceof ChunkError || outcome === count).toBe(true);
      }),
    );
  });
});
