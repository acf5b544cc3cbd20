import { describe, expect, it } from '@jest/globals';
import { nextTurn } from './loop-turns.ts';

describe('nextTurn', () => {
  it('lets one go on in each turn of the event loop, in the order they came', async () => {
    let turn = 0;
    let isCounting = true;
    const count = (): void => {
      turn++;
      if (isCounting) setImmediate(count);
    };
    setImmediate(count);
    const seen: [name: string, turn: number][] = [];
    const work = async (name: string): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        await nextTurn();
        seen.push([name, turn]);
      }
    };
    await Promise.all([work('a'), work('b'), work('c')]);
    isCounting = false;
    expect(seen.map(([name]) => name).join('')).toBe('abcabcabc');
    expect(new Set(seen.map(([, at]) => at)).size).toBe(9);
  });
});
