import { type Labels, type Matcher, matchesAll } from '#libs/labels';

/** A measurement that stands for others of its series, such as one request with its trace. */
export interface Exemplar {
  /** Its own labels, such as `trace_id`; not those of its series. */
  readonly labels: Labels;
  readonly value: number;
  readonly timeMs: number;
}

/** Exemplars of one series, ascending in time. */
export interface SeriesExemplars {
  readonly series: Labels;
  readonly exemplars: readonly Exemplar[];
}

/** Why an exemplar was not kept; `repeated` says that it is there already. */
export type ExemplarVerdict =
  'added' | 'repeated' | 'out_of_order' | 'labels_too_long' | 'disabled';

/** OpenMetrics: names and values of an exemplar's labels together, in characters. */
const MAX_LABEL_CHARACTERS = 128;
const LOW_SURROGATES = /[\udc00-\udfff]/g;

/** The youngest exemplars of all series, a bounded number of them. */
export class ExemplarRing {
  readonly #capacity: number;
  readonly #bySeries = new Map<string, { readonly series: Labels; readonly kept: Exemplar[] }>();
  /** Series in the order in which their exemplars came; the oldest is at `#next` once the ring is full. */
  readonly #order: string[] = [];
  #next = 0;
  #evicted = 0;

  /** @param capacity how many are kept; 0 keeps none */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#order.length;
  }

  /** How many had to go for younger ones. */
  get evicted(): number {
    return this.#evicted;
  }

  /** Adds the exemplar of a series. It has to be younger than the ones of that series before it. */
  add(series: Labels, exemplar: Exemplar): ExemplarVerdict {
    if (charactersOf(exemplar.labels) > MAX_LABEL_CHARACTERS) return 'labels_too_long';
    if (this.#capacity === 0) return 'disabled';
    const last = this.#bySeries.get(series.key)?.kept.at(-1);
    if (last !== undefined && exemplar.timeMs <= last.timeMs) {
      return isSame(last, exemplar) ? 'repeated' : 'out_of_order';
    }
    if (this.#order.length < this.#capacity) {
      this.#order.push(series.key);
    } else {
      this.#evict(this.#order[this.#next]!);
      this.#order[this.#next] = series.key;
      this.#next = (this.#next + 1) % this.#capacity;
    }
    const known = this.#bySeries.get(series.key);
    if (known === undefined) this.#bySeries.set(series.key, { series, kept: [exemplar] });
    else known.kept.push(exemplar);
    return 'added';
  }

  /** Exemplars with `minMs <= t <= maxMs` of the series that fulfil one of the sets of matchers. */
  select(
    matcherSets: readonly (readonly Matcher[])[],
    minMs: number,
    maxMs: number,
  ): SeriesExemplars[] {
    const found: SeriesExemplars[] = [];
    for (const { series, kept } of this.#bySeries.values()) {
      if (!matcherSets.some((matchers) => matchesAll(series, matchers))) continue;
      const exemplars = kept.filter(({ timeMs }) => timeMs >= minMs && timeMs <= maxMs);
      if (exemplars.length > 0) found.push({ series, exemplars });
    }
    return found;
  }

  #evict(key: string): void {
    const { kept } = this.#bySeries.get(key)!;
    kept.shift();
    if (kept.length === 0) this.#bySeries.delete(key);
    this.#evicted++;
  }
}

function charactersOf(labels: Labels): number {
  let characters = 0;
  // A character beyond the basic plane is a pair of code units; its second half is not counted.
  for (const text of labels.flat) characters += text.replaceAll(LOW_SURROGATES, '').length;
  return characters;
}

function isSame(a: Exemplar, b: Exemplar): boolean {
  return a.timeMs === b.timeMs && Object.is(a.value, b.value) && a.labels.equals(b.labels);
}
