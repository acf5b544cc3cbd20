import { BlockMemo, type RememberedBlock } from './block-memo.ts';

/** What a cache asks of a plan: which parts of it are worth sharing. */
export interface SharingPlan {
  /** Keys of the parts that read samples. */
  readonly sharableKeys: readonly string[];
}

/** Cells after which a cache is full; nine bytes each. */
const MAX_CELLS = 20_000_000;

/**
 * What queries over the same data at the same time share: equal selectors and subexpressions are evaluated once. Make one
 * for a round of rules from the plans it is about to run, and drop it afterwards; samples written meanwhile may not be seen
 * through it. Only what at least two of the plans have in common is kept.
 */
export class EvaluationCache {
  readonly #memo = new BlockMemo();
  readonly #shared = new Set<string>();
  #cells = 0;

  constructor(plans: Iterable<SharingPlan>) {
    const seen = new Set<string>();
    for (const plan of plans) {
      for (const key of plan.sharableKeys) {
        if (seen.has(key)) this.#shared.add(key);
        else seen.add(key);
      }
    }
  }

  /** Whether at least two plans have a part with this key. */
  isShared(key: string): boolean {
    return this.#shared.has(key);
  }

  /** What is under `key`; once the cache is full, new answers are no longer kept. */
  get(key: string, evaluate: () => Promise<RememberedBlock>): Promise<RememberedBlock> {
    if (this.#cells >= MAX_CELLS && !this.#memo.has(key)) return evaluate();
    return this.#memo.get(key, async () => {
      const remembered = await evaluate();
      this.#cells += remembered.block.present.length;
      return remembered;
    });
  }
}
