import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Labels } from '#libs/labels';
import { decodeChunk, encodeChunk } from './chunk-codec.ts';
import { decodePushJson } from './decode-push-json.ts';
import { MAX_TIME_NS, Nanos } from './nanos.ts';
import { mayContain, NeedleFilterBuilder } from './needle-filter.ts';
import { OpenChunk } from './open-chunk.ts';
import { PushError } from './push-error.ts';
import { SealedChunk } from './sealed-chunk.ts';
import { StreamTexts } from './stream-text.ts';

describe('times in two words', () => {
  it('are the nanoseconds they were given as, by any way', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: MAX_TIME_NS - 1_000_000_000n }), (timeNs) => {
        const time = new Nanos();
        expect(time.setDigits(String(timeNs))).toBe(true);
        expect(time.timeNs).toBe(timeNs);
        const nanos = Number(timeNs % 1_000_000_000n);
        expect(time.setSeconds(Number(timeNs / 1_000_000_000n), nanos)).toBe(true);
        expect(time.timeNs).toBe(timeNs);
        time.setClamped(timeNs);
        expect(time.timeNs).toBe(timeNs);
      }),
    );
  });
  it.each(['', 'x', '-1', '1.5', '99999999999999999999', ' 1'])('are not made of %j', (text) => {
    expect(new Nanos().setDigits(text)).toBe(false);
  });
});

describe('the labels of a stream', () => {
  const texts = new StreamTexts();
  it.each([
    ['{app="web"}', { app: 'web' }],
    ['{ app = "web" , level="a\\"b\\n" }', { app: 'web', level: 'a"b\n' }],
    ['{raw=`a\\b`}', { raw: 'a\\b' }],
    ['{}', {}],
  ])('are read of %s', (text, labels) => {
    expect(texts.get(text)).toEqual(Labels.fromRecord(labels));
  });
  it.each([
    ['a text of megabytes', `{a="${'x'.repeat(32 * 1_024 * 1_024)}"}`],
    ['thousands of labels', `{${Array.from({ length: 5_000 }, (_, i) => `l${i}="x"`).join()}}`],
  ])('are not %s', (_what, text) => {
    expect(() => texts.get(text)).toThrow(PushError);
  });
  it('are those that were printed', () => {
    const name = fc.stringMatching(/^[a-z_][a-z0-9_]{0,8}$/).filter((one) => one !== '__name__');
    fc.assert(
      fc.property(fc.dictionary(name, fc.string({ unit: 'grapheme' })), (record) => {
        const labels = Labels.fromRecord(record);
        expect(texts.get(labels.toString()).key).toBe(labels.key);
      }),
    );
  });
  it.each([
    '',
    'app="web"',
    '{app=web}',
    '{app="web"',
    '{1a="x"}',
    '{a="x" b="y"}',
    '{a="\\q"}',
    '{a="x",a="y"}',
  ])('are not made of %s', (text) => {
    expect(() => texts.get(text)).toThrow(/accepted are such as|given twice/);
  });
});

describe('a push of JSON', () => {
  it('may have names that a prototype has', () => {
    const body =
      '{"streams":[{"stream":{"__proto__":"x"},"values":[["1","a",{"constructor":"y"}]]}]}';
    const batch = decodePushJson(Buffer.from(body), false);
    expect(batch.streams[0]!.flat).toEqual(['__proto__', 'x']);
    expect(batch.count).toBe(1);
  });
});

const arbitraryLines = fc.array(
  fc.record({
    second: fc.nat(50),
    text: fc.string({ maxLength: 40 }),
    trace: fc.constantFrom('', 'a', 'b'),
  }),
  { maxLength: 40 },
);

function chunkOf(lines: readonly { second: number; text: string; trace: string }[]): OpenChunk {
  const chunk = new OpenChunk();
  for (const { second, text, trace } of lines) {
    const bytes = Buffer.from(text);
    const metadata = Buffer.from(trace);
    chunk.append(second, 7, bytes, 0, bytes.length, metadata, 0, metadata.length);
  }
  return chunk;
}

describe('a chunk', () => {
  it('is the same after it was written and read', () => {
    fc.assert(
      fc.property(arbitraryLines, (lines) => {
        const chunk = chunkOf(lines).decoded();
        const again = decodeChunk(encodeChunk(chunk));
        const shown = (one: typeof chunk): unknown[] =>
          Array.from({ length: one.count }, (_, i) => {
            const number = one.metadata?.[i] ?? 0;
            return [
              one.words[2 * i],
              one.words[2 * i + 1],
              one.bytes.toString('utf8', one.starts[i], one.ends[i]),
              number === 0 ? '' : one.metadataTable[number - 1]!.toString(),
            ];
          });
        expect(shown(again)).toEqual(shown(chunk));
      }),
    );
  });
});

describe('a chunk that was compressed', () => {
  it.each([1, 100, 5_000])('keeps no more memory than it needs, of %d lines', async (count) => {
    const lines = Array.from({ length: count }, (_, i) => ({
      second: i,
      text: `a line like any other ${i}`,
      trace: '',
    }));
    const sealed = new SealedChunk(0, chunkOf(lines));
    const { bytes } = await sealed.pack(new NeedleFilterBuilder());
    // Small ones lie in memory that they share.
    expect(bytes.buffer.byteLength).toBeLessThanOrEqual(
      Math.max(Buffer.poolSize, 2 * bytes.length),
    );
    expect((await sealed.load()).count).toBe(count);
  });
});

describe('a filter of texts', () => {
  it('passes every text that occurs', () => {
    const filters = new NeedleFilterBuilder();
    fc.assert(
      fc.property(fc.string({ maxLength: 400 }), fc.nat(400), fc.nat(60), (text, start, length) => {
        const bytes = Buffer.from(text);
        const needle = bytes.subarray(start, start + length);
        expect(mayContain(filters.build(bytes), needle)).toBe(true);
      }),
    );
  });
  it('holds back most texts that do not, in a few kilobytes for a megabyte', () => {
    const lines = Array.from(
      { length: 8_000 },
      (_, i) =>
        `2026-11-21T15:00:00.${i}Z INFO request path=/api/${(i * 7_919) % 997} id=${(i * 2_654_435_761) % 2 ** 32}`,
    );
    const filter = new NeedleFilterBuilder().build(Buffer.from(lines.join('')));
    expect(filter.length).toBeLessThan(64 * 1_024);
    const passed = Array.from({ length: 1_000 }, (_, i) =>
      Buffer.from(
        `${((i + 1) * 0x9e37_79b1).toString(16)}-${(i * 40_503).toString(16)}-0000-trace`,
      ),
    ).filter((needle) => mayContain(filter, needle));
    expect(passed.length).toBeLessThan(100);
  });
});
