import { METRIC_NAME } from '#libs/labels';
import type { VectorSelector } from '../ast.ts';
import { BlockMemo, type RememberedBlock } from './block-memo.ts';

/** A part of a plan: its key, and which of the plan's selectors stand in it (`from` up to `to`). */
export interface SharablePart {
  readonly key: string;
  readonly from: number;
  readonly to: number;
}

/** What a cache asks of a plan: which parts of it are worth sharing, and what they read. */
export interface SharingPlan {
  readonly sharableParts: readonly SharablePart[];
  /** Every selector of the plan. */
  readonly selectors: readonly VectorSelector[];
}

/** Cells after which a cache is full; nine bytes each. */
const MAX_CELLS = 20_000_000;

/** A part that at least two plans have, with what it gave. */
interface SharedPart {
  readonly selectors: readonly VectorSelector[];
  readonly memo: BlockMemo;
  cells: number;
}

/**
 * What queries over the same data at the same time share: equal selectors and subexpressions are evaluated once. Make one
 * for a round of rules from the plans it is about to run, and drop it afterwards. Whoever writes meanwhile what a later
 * plan has to see says so with {@link forget}. Only what at least two of the plans have in common is kept.
 */
export class EvaluationCache {
  readonly #shared = new Map<string, SharedPart>();
  #cells = 0;

  constructor(plans: Iterable<SharingPlan>) {
    const seen = new Set<string>();
    for (const { sharableParts, selectors } of plans) {
      for (const { key, from, to } of sharableParts) {
        if (!seen.has(key)) {
          seen.add(key);
          continue;
        }
        if (this.#shared.has(key)) continue;
        const read = selectors.slice(from, to);
        this.#shared.set(key, { selectors: read, memo: new BlockMemo(), cells: 0 });
      }
    }
  }

  /** Whether no two plans have a part in common, so that there is nothing to gain. */
  get isEmpty(): boolean {
    return this.#shared.size === 0;
  }

  /** Whether at least two plans have a part with this key. */
  isShared(key: string): boolean {
    return this.#shared.has(key);
  }

  /**
   * The value of the shared part `key` over a timeline that `time` names; once the cache is full, new answers are no longer
   * kept.
   */
  get(
    key: string,
    time: string,
    evaluate: () => Promise<RememberedBlock>,
  ): Promise<RememberedBlock> {
    const part = this.#shared.get(key)!;
    if (this.#cells >= MAX_CELLS && !part.memo.has(time)) return evaluate();
    return part.memo.get(time, async () => {
      const remembered = await evaluate();
      const cells = remembered.block.present.length;
      part.cells += cells;
      this.#cells += cells;
      return remembered;
    });
  }

  /**
   * Forgets whatever may have read series of these metrics. Only names are looked at: a part is evaluated once too often
   * where the labels would have told them apart.
   */
  forget(metricNames: Iterable<string>): void {
    const names = [...metricNames];
    for (const part of this.#shared.values()) {
      const hasRead = part.selectors.some((selector) =>
        names.some((name) => maySelect(selector, name)),
      );
      if (!hasRead) continue;
      part.memo.clear();
      this.#cells -= part.cells;
      part.cells = 0;
    }
  }
}

function maySelect({ matchers }: VectorSelector, metricName: string): boolean {
  return matchers.every((matcher) => matcher.name !== METRIC_NAME || matcher.matches(metricName));
}
