import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  FRAME_HEADER_BYTES,
  FrameScanner,
  MAX_PAYLOAD_BYTES,
  type ScanSummary,
  writeFrameHeader,
} from './log-frame.ts';

function frame(payload: Uint8Array): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(FRAME_HEADER_BYTES), payload]);
  writeFrameHeader(bytes, 0, bytes.length);
  return bytes;
}

function scan(bytes: Buffer, cuts: readonly number[] = []): { payloads: string[] } & ScanSummary {
  const payloads: string[] = [];
  const scanner = new FrameScanner((payload) => payloads.push(payload.toString('hex')));
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b)];
  for (const [i, from] of places.entries()) scanner.push(bytes.subarray(from, places[i + 1]));
  return { payloads, ...scanner.finish() };
}

const payload = fc.uint8Array({ minLength: 1, maxLength: 40 });
const payloads = fc.array(payload, { minLength: 1, maxLength: 8 });
const cuts = fc.array(fc.nat(), { maxLength: 12 });
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('FrameScanner', () => {
  it('finds all frames however the stream is cut', () => {
    fc.assert(
      fc.property(payloads, cuts, (contents, places) => {
        const bytes = Buffer.concat(contents.map(frame));
        expect(scan(bytes, places)).toEqual({
          payloads: contents.map(hex),
          damagedStretches: 0,
          damagedBytes: 0,
          tornBytes: 0,
          soundBytes: bytes.length,
        });
      }),
    );
  });
  it('cuts a torn tail and calls nothing damaged', () => {
    fc.assert(
      fc.property(payloads, fc.nat(), cuts, (contents, nat, places) => {
        const whole = Buffer.concat(contents.slice(0, -1).map(frame));
        const last = frame(contents.at(-1)!);
        const kept = nat % last.length;
        const bytes = Buffer.concat([whole, last.subarray(0, kept)]);
        const found = scan(bytes, places);
        expect(found.payloads).toEqual(contents.slice(0, -1).map(hex));
        expect(found).toMatchObject({
          damagedStretches: 0,
          tornBytes: kept,
          soundBytes: whole.length,
        });
      }),
    );
  });
  it('takes zeros at the end for a tail that was never written', () => {
    fc.assert(
      fc.property(payloads, fc.integer({ min: 1, max: 100 }), cuts, (contents, zeros, places) => {
        const whole = Buffer.concat(contents.map(frame));
        const found = scan(Buffer.concat([whole, Buffer.alloc(zeros)]), places);
        expect(found).toMatchObject({ damagedStretches: 0, tornBytes: zeros });
        expect(found.payloads).toEqual(contents.map(hex));
      }),
    );
  });
  it('loses one record to a flipped bit, and invents none', () => {
    fc.assert(
      fc.property(payloads, fc.nat(), cuts, (contents, nat, places) => {
        const bytes = Buffer.concat(contents.map(frame));
        const bit = nat % (bytes.length * 8);
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        let at = 0;
        const expected = contents.filter((one) => {
          const start = at;
          at += FRAME_HEADER_BYTES + one.length;
          return bit >> 3 < start || bit >> 3 >= at;
        });
        const found = scan(bytes, places);
        expect(found.payloads).toEqual(expected.map(hex));
        expect(found.damagedStretches).toBe(1);
      }),
      { numRuns: 500 },
    );
  });
  it('finds the frames after any garbage between', () => {
    fc.assert(
      fc.property(payload, payload, payload, cuts, (first, garbage, second, places) => {
        const bytes = Buffer.concat([frame(first), garbage, frame(second)]);
        const found = scan(bytes, places);
        expect(found.payloads).toEqual([hex(first), hex(second)]);
        expect(found).toMatchObject({ damagedStretches: 1, damagedBytes: garbage.length });
      }),
    );
  });
  it('reads any bytes without complaint', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), cuts, (bytes, places) => {
        expect(scan(Buffer.from(bytes), places).payloads).toEqual([]);
      }),
    );
  });
  it('does not wait for a frame longer than any that was written', () => {
    const bytes = frame(Buffer.alloc(10));
    bytes.writeUInt32LE(MAX_PAYLOAD_BYTES + 1, 4);
    const found = scan(Buffer.concat([bytes, frame(Buffer.from('next'))]));
    expect(found.payloads).toEqual([hex(Buffer.from('next'))]);
  });
});
