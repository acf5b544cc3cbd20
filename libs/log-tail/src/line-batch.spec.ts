import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fingerprintOf, frameLines, isRotatedName, LineColumns } from './index.ts';
import { OffsetLedger } from './offset-ledger.ts';

const DEFAULTS = { maxLineBytes: 100, isInsideLongLine: false, isFinal: false };

function frame(text: string, options: Partial<typeof DEFAULTS> = {}) {
  const bytes = Buffer.from(text, 'latin1');
  const columns = new LineColumns();
  const result = frameLines(bytes, bytes.length, columns, { ...DEFAULTS, ...options });
  const lines = Array.from({ length: columns.count }, (_, i) =>
    bytes.toString('latin1', columns.starts[i], columns.ends[i]),
  );
  return { lines, ...result };
}

describe('framing', () => {
  it.each([
    ['', [], 0],
    ['a\nb\n', ['a', 'b'], 4],
    ['a\nunfinished', ['a'], 2],
    ['\n\n', ['', ''], 2],
    ['crlf\r\nnul\0 and \xff\n', ['crlf\r', 'nul\0 and \xff'], 17],
  ])('of %j gives %j', (text, lines, consumed) => {
    expect(frame(text)).toMatchObject({ lines, consumed, truncatedLines: 0 });
  });

  it('takes what has no newline when nothing will follow', () => {
    expect(frame('a\nrest', { isFinal: true })).toMatchObject({
      lines: ['a', 'rest'],
      consumed: 6,
    });
  });

  it('keeps the beginning of a line that is too long and leaves the rest out', () => {
    const options = { maxLineBytes: 4 };
    expect(frame('123456\nab\n', options)).toEqual({
      lines: ['1234', 'ab'],
      consumed: 10,
      isInsideLongLine: false,
      truncatedLines: 1,
      truncatedBytes: 2,
    });
    expect(frame('ab\n123456', options)).toMatchObject({
      lines: ['ab', '1234'],
      consumed: 9,
      isInsideLongLine: true,
    });
    expect(frame('789\nab\n', { ...options, isInsideLongLine: true })).toMatchObject({
      lines: ['ab'],
      isInsideLongLine: false,
      truncatedBytes: 3,
    });
    expect(frame('1234\n', options)).toMatchObject({ lines: ['1234'], truncatedLines: 0 });
  });

  it('does not look behind the length it is given', () => {
    const bytes = Buffer.from('new\nold\nolder\n');
    const columns = new LineColumns();
    expect(frameLines(bytes, 6, columns, DEFAULTS).consumed).toBe(4);
    expect(columns.count).toBe(1);
  });

  it('gives the same lines however the bytes are cut', () => {
    const line = fc.stringMatching(/^[a-z\r\0]{0,12}$/);
    const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(fc.array(line), cuts, fc.integer({ min: 1, max: 10 }), (lines, sizes, max) => {
        const whole = Buffer.from(lines.map((text) => `${text}\n`).join(''));
        const got: string[] = [];
        let truncated = 0;
        let offset = 0;
        let seen = 0;
        let isInside = false;
        for (let turn = 0; offset < whole.length; turn++) {
          seen = Math.min(whole.length, seen + sizes[turn % sizes.length]!);
          const bytes = whole.subarray(offset, seen);
          const columns = new LineColumns();
          const result = frameLines(bytes, bytes.length, columns, {
            maxLineBytes: max,
            isInsideLongLine: isInside,
            isFinal: false,
          });
          for (let i = 0; i < columns.count; i++) {
            got.push(bytes.toString('utf8', columns.starts[i], columns.ends[i]));
          }
          offset += result.consumed;
          isInside = result.isInsideLongLine;
          truncated += result.truncatedBytes;
        }
        expect(got).toEqual(lines.map((text) => text.slice(0, max)));
        expect(truncated).toBe(
          lines.reduce((sum, text) => sum + Math.max(0, text.length - max), 0),
        );
      }),
    );
  });
});

describe('the ledger of a file', () => {
  it('commits only what has arrived without a gap', () => {
    const ledger = new OffsetLedger(10);
    const tickets = [20, 30, 40].map((end) => ledger.add(end));
    expect(ledger.acknowledge(tickets[1]!, 30)).toBe(false);
    expect(ledger.committed).toBe(10);
    expect(ledger.acknowledge(tickets[0]!, 20)).toBe(true);
    expect(ledger.committed).toBe(30);
    expect(ledger.isEmpty).toBe(false);
    ledger.acknowledge(tickets[2]!, 40);
    expect([ledger.committed, ledger.isEmpty]).toEqual([40, true]);
  });

  it('stops before a line that is held back, and never goes back', () => {
    const ledger = new OffsetLedger(0);
    const tickets = [10, 20, 30].map((end) => ledger.add(end));
    ledger.acknowledge(tickets[0]!, 7);
    expect(ledger.committed).toBe(7);
    ledger.acknowledge(tickets[1]!, 7);
    expect(ledger.committed).toBe(7);
    ledger.acknowledge(tickets[2]!, 30);
    expect(ledger.committed).toBe(30);
  });

  it('ignores what was under way when the file was truncated', () => {
    const ledger = new OffsetLedger(0);
    const old = ledger.add(10);
    ledger.reset(0);
    expect(ledger.acknowledge(old, 10)).toBe(false);
    expect([ledger.committed, ledger.isEmpty]).toEqual([0, true]);
  });

  it('refuses a second acknowledgement', () => {
    const ledger = new OffsetLedger(0);
    ledger.add(10);
    const second = ledger.add(20);
    ledger.acknowledge(second, 20);
    expect(() => ledger.acknowledge(second, 20)).toThrow('twice');
  });
});

describe('names of rotated files', () => {
  it.each([
    ['0.log.20260301-080002', '0.log', true],
    ['app.log.1', 'app.log', true],
    ['app.log-20260301', 'app.log', true],
    ['app.log.2026-03-01T08:00:02Z', 'app.log', true],
    ['0.log.20260301-080002.gz', '0.log', false],
    ['0.log.20260301-080002.tmp', '0.log', false],
    ['app.log.pos', 'app.log', false],
    ['app.log.json', 'app.log', false],
    ['app.log', 'app.log', false],
    ['other.log.1', 'app.log', false],
  ])('%s of %s: %s', (name, original, expected) => {
    expect(isRotatedName(name, original)).toBe(expected);
  });
});

describe('a fingerprint', () => {
  it('differs for bytes that differ, and covers only its length', () => {
    const a = fingerprintOf(Buffer.from('2026-03-01 one'), 14);
    expect(a).toEqual(fingerprintOf(Buffer.from('2026-03-01 one and more'), 14));
    expect(a.hash).not.toBe(fingerprintOf(Buffer.from('2026-03-01 two'), 14).hash);
    expect(a.hash).not.toBe(fingerprintOf(Buffer.from('2026-03-01 one'), 13).hash);
    expect(fingerprintOf(Buffer.alloc(0), 0)).toEqual({ lengthBytes: 0, hash: '' });
  });
});
