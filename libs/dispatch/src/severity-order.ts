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

  /** The rank that none of the alerts exceeds; one that does not say counts as exceeding all. Null without alerts. */
  highest(alerts: Iterable<Labels>): number | null {
    let highest: number | null = null;
    for (const labels of alerts) {
      const rank = this.rankOf(labels) ?? Infinity;
      if (highest === null || rank > highest) highest = rank;
    }
    return highest;
  }
}
