import type { Labels } from '#libs/labels';
import type { SeriesIndex } from './series-index.ts';
import type { HeadOptions } from './head-options.ts';

const MAX_OFFENDERS = 1_000;

/** A value of a label whose series have reached their budget. */
export interface BudgetOffender {
  readonly label: string;
  readonly value: string;
  /** How often a series of it was refused; a series that comes again counts again. */
  readonly refusedSeries: number;
}

/** How many series a value of a label may have, and who wanted more. */
export class SeriesBudgets {
  readonly #index: SeriesIndex;
  readonly #budgets: HeadOptions['seriesBudgets'];
  readonly #offenders = new Map<string, { label: string; value: string; refusedSeries: number }>();

  constructor(index: SeriesIndex, budgets: HeadOptions['seriesBudgets']) {
    this.#index = index;
    this.#budgets = budgets;
  }

  /** The first thousand that were refused, in that order. */
  get offenders(): readonly BudgetOffender[] {
    return [...this.#offenders.values()];
  }

  /** Whether a new series is within the budget of each of its labels; if not, that is counted. */
  hasRoomFor(labels: Labels): boolean {
    for (const { label, maxSeries } of this.#budgets) {
      const value = labels.get(label);
      const pair = value === '' ? undefined : this.#index.valuesOf(label).get(value);
      if (pair === undefined || this.#index.posting(pair).length < maxSeries) continue;
      this.#noticeOffender(label, value);
      return false;
    }
    return true;
  }

  #noticeOffender(label: string, value: string): void {
    const key = `${label}=${value}`;
    const known = this.#offenders.get(key);
    if (known !== undefined) known.refusedSeries++;
    else if (this.#offenders.size < MAX_OFFENDERS) {
      this.#offenders.set(key, { label, value, refusedSeries: 1 });
    }
  }
}
