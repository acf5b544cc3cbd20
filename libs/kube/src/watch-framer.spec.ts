import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { WatchFramer, WatchLineTooLongError } from './watch-framer.ts';

describe('WatchFramer', () => {
  it('gives the same lines however the stream is cut', () => {
    const line = fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify({ text }));
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat(40)), (lines, cuts) => {
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
        const framer = new WatchFramer(10_000);
        const got: string[] = [];
        let start = 0;
        for (const cut of [...cuts, bytes.length]) {
          got.push(...framer.push(bytes.subarray(start, start + cut)));
          start = Math.min(bytes.length, start + cut);
        }
        expect(got).toEqual(lines);
      }),
    );
  });

  it('takes chunks that are used again', () => {
    const framer = new WatchFramer(100);
    const chunk = Buffer.from('{"a":');
    framer.push(chunk);
    chunk.fill(0);
    expect(framer.push(Buffer.from('1}\r\n\n'))).toEqual(['{"a":1}\r']);
  });

  it('refuses a line that never ends without keeping it', () => {
    const framer = new WatchFramer(100);
    framer.push(Buffer.alloc(60, 'x'));
    expect(() => framer.push(Buffer.alloc(60, 'x'))).toThrow(WatchLineTooLongError);
  });
});
