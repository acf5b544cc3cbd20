import { Labels } from '#libs/labels';
import type { Grouping } from '../ast.ts';
import type { LogBatch } from '../log-source.ts';
import type { Line } from '../pipeline/line.ts';
import { LogqlQueryError } from './logql-query-error.ts';

/** Keys that are remembered before they are all forgotten; they only save work. */
const MAX_MEMO = 50_000;

/** Which series a line belongs to. */
export class LeafSeries<T> {
  readonly all: { readonly labels: Labels; readonly series: T }[] = [];
  readonly #grouping: Grouping | null;
  readonly #create: () => T;
  readonly #maxSeries: number;
  readonly #byLabels = new Map<string, T>();
  readonly #memo = new Map<string, T>();

  constructor(grouping: Grouping | null, maxSeries: number, create: () => T) {
    this.#grouping = grouping;
    this.#maxSeries = maxSeries;
    this.#create = create;
  }

  /** @throws LogqlQueryError for one series too many */
  seriesOf(line: Line, batch: LogBatch): T {
    const key = this.#keyOf(line, batch);
    const known = this.#memo.get(key);
    if (known !== undefined) return known;
    const series = this.#find(this.#labelsOf(line));
    if (this.#memo.size >= MAX_MEMO) this.#memo.clear();
    this.#memo.set(key, series);
    return series;
  }

  #keyOf({ labels }: Line, batch: LogBatch): string {
    const grouping = this.#grouping;
    if (grouping === null || grouping.isWithout) {
      const overlay = labels.overlayKey();
      return overlay === null ? String(batch.stream.id) : `${batch.stream.id};${overlay}`;
    }
    const names = grouping.labels;
    if (names.length === 1) return labels.get(names[0]!);
    let key = '';
    for (const name of names) {
      const value = labels.get(name);
      key += `${value.length}:${value}`;
    }
    return key;
  }

  #labelsOf({ labels }: Line): Labels {
    const grouping = this.#grouping;
    if (grouping === null) return labels.toLabels();
    const names = new Set(grouping.labels);
    if (grouping.isWithout) return labels.toLabels().without(names);
    return Labels.fromPairs([...names].map((name): [string, string] => [name, labels.get(name)]));
  }

  #find(labels: Labels): T {
    const known = this.#byLabels.get(labels.key);
    if (known !== undefined) return known;
    if (this.all.length >= this.#maxSeries) {
      throw new LogqlQueryError(
        'limit',
        `maximum number of series (${this.#maxSeries}) reached for a single query; select fewer streams, or aggregate with sum by (…)`,
      );
    }
    const series = this.#create();
    this.#byLabels.set(labels.key, series);
    this.all.push({ labels, series });
    return series;
  }
}
