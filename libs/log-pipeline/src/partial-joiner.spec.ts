import { describe, expect, it } from '@jest/globals';
import { PartialJoiner } from './partial-joiner.ts';

const bytes = Buffer.from('x'.repeat(100));
const KEY = 'file';

/** Adds a part of some bytes. */
function add(joiner: PartialJoiner, stream: number, length: number, nowMs: number): boolean {
  const part = { bytes, start: 0, end: length, seconds: 1, nanos: 0, offset: 7 };
  return joiner.add(KEY, stream, part, nowMs);
}

describe('parts of messages', () => {
  it('are joined, ten thousand as well', () => {
    const joiner = new PartialJoiner(1_000_000, 10);
    for (let i = 0; i < 10_000; i++) expect(add(joiner, 1, 10, i)).toBe(true);
    expect(joiner.take(KEY, 1)).toMatchObject({ parts: 10_000, droppedBytes: 0, firstOffset: 7 });
    expect(joiner.isEmpty).toBe(true);
  });

  it('of a message that never ends are let go some time after it is full', () => {
    const joiner = new PartialJoiner(100, 10);
    add(joiner, 1, 60, 1_000);
    add(joiner, 1, 60, 2_000);
    for (let nowMs = 3_000; nowMs < 20_000; nowMs += 1_000)
      add(joiner, 1, nowMs % 2_000 ? 60 : 0, nowMs);
    expect(joiner.overdue(KEY, 2_000)).toEqual([]);
    expect(joiner.overdue(KEY, 2_001)).toEqual([1]);
    const message = joiner.take(KEY, 1)!;
    expect(message.bytes).toHaveLength(100);
    expect(message.droppedBytes).toBe(20 + 9 * 60);
    expect(joiner.heldFrom(KEY)).toBe(Infinity);
  });

  it('that go on hold back their message for as long as it has room', () => {
    const joiner = new PartialJoiner(1_000, 10);
    add(joiner, 1, 1, 1_000);
    add(joiner, 1, 0, 9_000);
    expect(joiner.overdue(KEY, 9_000)).toEqual([]);
  });

  it('of all messages together have a bound', () => {
    const joiner = new PartialJoiner(100, 1_000, 250);
    expect(add(joiner, 1, 100, 0)).toBe(true);
    expect(add(joiner, 2, 100, 0)).toBe(true);
    // It has no room to begin with, and goes on as it is.
    expect(add(joiner, 0, 60, 0)).toBe(false);
    expect(add(joiner, 0, 40, 0)).toBe(true);
    expect(add(joiner, 0, 40, 0)).toBe(true);
    expect(joiner.take(KEY, 0)).toMatchObject({ parts: 2, droppedBytes: 30 });
    joiner.take(KEY, 1);
    expect(add(joiner, 0, 60, 0)).toBe(true);
  });
});
