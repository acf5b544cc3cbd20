import type { Annotation } from './annotations.ts';
import type { Block } from './block.ts';

/** What a memo keeps for a node: its value and the remarks made on the way, with the position of the node they belong to. */
export interface RememberedBlock {
  readonly block: Block;
  readonly remarks: readonly Annotation[];
  readonly offset: number;
}

/** Answers under keys that name one expression at one time. */
export class BlockMemo {
  readonly #entries = new Map<string, Promise<RememberedBlock>>();

  /** What is under `key`, evaluated by `evaluate` unless it is there or on its way. */
  get(key: string, evaluate: () => Promise<RememberedBlock>): Promise<RememberedBlock> {
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const fresh = evaluate();
    this.#entries.set(key, fresh);
    // A failure belongs to the query that ran into it (its budget, its signal), not to those that come later.
    fresh.catch(() => this.#entries.delete(key));
    return fresh;
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}
