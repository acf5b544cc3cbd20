import type { Labels } from '#libs/labels';

export interface SeverityOrderOptions {
  /** The label that says how severe an alert is. */
  readonly label: string;
  /** Its values, the most severe first. */
  readonly values: readonly string[];
}

/** What most rules use. */
export const DEFAULT_SEVERITY_ORDER: SeverityOrderOptions = {
  label: 'severity',
  values: ['critical', 'error', 'warning', 'info', 'none'],
};

/** Tells which of two alerts is more severe. */
export class SeverityOrder {
  readonly #label: string;
  readonly #ranks: ReadonlyMap<string, number>;

  constructor({ label, values }: SeverityOrderOptions) {
    this.#label = label;
    this.#ranks = new Map(values.toReversed().map((value, rank) => [value, rank]));
  }

  /** Higher is more severe; null for an alert that does not say, or in other words than these. */
  rankOf(labels: Labels): number | null {
    return this.#ranks.get(labels.get(this.#label)) ?? null;
  }

  /** A rank, or that of an alert that exceeds it; one that does not say its rank exceeds all. */
  worse(rank: number | null, labels: Labels): number {
    const other = this.rankOf(labels) ?? Infinity;
    return rank === null ? other : Math.max(rank, other);
  }
}
