import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { KubeObjectError, ListFramer } from './index.ts';

/** The items and the envelope of an answer that comes in chunks of so many bytes. */
function framed(answer: string, chunkBytes = 1 << 16, maxItemBytes = 1_000_000) {
  const items: unknown[] = [];
  const framer = new ListFramer(maxItemBytes, (json) => items.push(JSON.parse(json)));
  const bytes = Buffer.from(answer);
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const chunk = Buffer.from(bytes.subarray(at, at + chunkBytes));
    framer.push(chunk);
    // Whoever reads may use the memory again.
    chunk.fill(0);
  }
  return { items, envelope: JSON.parse(framer.end()) as unknown };
}

/** Why an answer is refused, or null. */
function refusal(...args: Parameters<typeof framed>): string | null {
  try {
    framed(...args);
    return null;
  } catch (error) {
    if (error instanceof KubeObjectError || error instanceof SyntaxError) return error.message;
    throw error;
  }
}

describe('the framer of lists', () => {
  it('gives items one by one, and the rest at the end', () => {
    const list = { kind: 'PodList', metadata: { continue: 'x' }, items: [{ a: '}]"\\' }, {}] };
    for (const written of [JSON.stringify(list), JSON.stringify(list, null, 2)]) {
      for (const chunkBytes of [1, 7, 1_000]) {
        expect(framed(written, chunkBytes)).toEqual({
          items: list.items,
          envelope: { ...list, items: [] },
        });
      }
    }
  });

  it('takes only the items of the list itself', () => {
    const list = {
      metadata: { items: [{ no: 1 }] },
      more: [{ items: [1] }],
      items: [{ items: [] }],
    };
    expect(framed(JSON.stringify(list))).toEqual({
      items: [{ items: [] }],
      envelope: { ...list, items: [] },
    });
    expect(framed('{"items":null}')).toEqual({ items: [], envelope: { items: null } });
  });

  it.each([
    ['breaks off within an item', '{"items":[{"a":1}', 'the answer broke off within a list'],
    ['breaks off within a text', '{"items":[{"a', 'the answer broke off within a list'],
    ['has items that are none', '{"items":["a"]}', 'expected items that are objects'],
    ['has numbers for items', '{"items":[1]}', 'expected items that are objects'],
    ['closes more than it opens', '{}}', 'expected a list of objects as JSON'],
    ['is an item without an end', `{"items":[{"a":"${'x'.repeat(2_000)}`, 'more than 1000 bytes'],
    ['is an item that is too large', `{"items":[{"a":"${'x'.repeat(2_000)}"}]}`, 'more than 1000'],
    ['is nothing but blanks', ' '.repeat(300_000), 'more than 262144 bytes around the objects'],
    ['is a key without an end', `{"${'x'.repeat(300_000)}`, 'more than 262144 bytes around'],
  ])('refuses an answer that %s', (_what, answer, message) => {
    for (const chunkBytes of [13, 1 << 16]) {
      expect(refusal(answer, chunkBytes, 1_000)).toContain(message);
    }
  });

  it('gives what JSON.parse gives, wherever the chunks end', () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue());
    const list = fc.record({ kind: fc.string(), metadata: object, items: fc.array(object) });
    fc.assert(
      fc.property(list, fc.integer({ min: 1, max: 50 }), fc.boolean(), (value, size, isPretty) => {
        const written = JSON.stringify(value, null, isPretty ? 2 : 0);
        const { items, envelope } = framed(written, size);
        const expected = JSON.parse(written) as typeof value;
        expect([items, envelope]).toEqual([expected.items, { ...expected, items: [] }]);
      }),
    );
  });

  it('throws its own error or answers, for any bytes', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom('{', '}', '[', ']', '"', ',', ':', '\\', ' ', '1', 'items'),
        }),
        (text) => {
          expect(() => refusal(text, 3)).not.toThrow();
        },
      ),
    );
  });
});
