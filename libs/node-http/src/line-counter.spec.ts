import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { LineCounter } from './line-counter.ts';
import { decodeBody } from './read-bounded.ts';

describe('LineCounter', () => {
  it('refuses from one line too many on, whatever the pieces, and does not count what begins with #', () => {
    const line = fc.constantFrom('a 1\n', '# HELP a b\n', '\n', 'b{x="\u00e9"} 2\n', '#\n');
    const script = fc.record({
      lines: fc.array(line, { maxLength: 30 }),
      cuts: fc.array(fc.nat(200), { maxLength: 8 }),
      max: fc.nat(20),
    });
    fc.assert(
      fc.property(script, ({ lines, cuts, max }) => {
        const text = Buffer.from(lines.join(''));
        const expected = lines.filter((each) => each !== '\n' && !each.startsWith('#')).length;
        const counter = new LineCounter(max);
        let at = 0;
        let isRefused = false;
        for (const end of [...cuts.toSorted((a, b) => a - b), text.length]) {
          const piece = text.subarray(at, Math.max(at, end));
          at = Math.max(at, end);
          if (counter.take(piece) !== null) isRefused = true;
        }
        expect(isRefused).toBe(expected > max);
      }),
    );
  });
});

describe('a gzip body', () => {
  const text = 'a 1\n'.repeat(500_000);
  const packed = gzipSync(text);

  it('is refused for its lines while it is unpacked, and for its length whatever it says of it', async () => {
    const counting = decodeBody(packed, 'gzip', 32 * 1024 * 1024, new LineCounter(100));
    await expect(counting).rejects.toMatchObject({ code: 'too-many-lines' });
    const lying = Buffer.from(packed);
    lying.writeUInt32LE(10, lying.length - 4);
    for (const body of [packed, lying]) {
      await expect(decodeBody(body, 'gzip', 1_000)).rejects.toMatchObject({
        code: 'body-too-large',
      });
    }
    const small = gzipSync('x'.repeat(2_000));
    await expect(decodeBody(small, 'gzip', 1_000)).rejects.toMatchObject({
      code: 'body-too-large',
    });
  });
  it('comes out whole', async () => {
    expect((await decodeBody(packed, 'gzip', 32 * 1024 * 1024)).toString()).toBe(text);
    expect((await decodeBody(gzipSync(''), 'gzip', 10)).length).toBe(0);
  });
});
