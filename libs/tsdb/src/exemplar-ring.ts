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

/** An exemplar in the ring. */
export interface KeptExemplar {
  readonly series: Labels;
  readonly exemplar: Exemplar;
  /** Its number in the order in which all of them came; none has the number of another. */
  readonly arrival: number;
  /** The log segment it was written to last, or a younger one has it. */
  loggedIn: number;
}

/** Why an exemplar was not kept; `repeated` says that it is there already. */
export type ExemplarVerdict =
  'added' | 'repeated' | 'out_of_order' | 'labels_too_long' | 'disabled';

/** OpenMetrics: names and values of an exemplar's labels together, in characters. */
const MAX_LABEL_CHARACTERS = 128;
/** Longer label sets are no series' of the store. */
const MAX_SERIES_CHARACTERS = 64 * 1_024;
const LOW_SURROGATES = /[\udc00-\udfff]/g;

/** The youngest exemplars of all series, a bounded number of them. */
export class ExemplarRing {
  readonly #capacity: number;
  readonly #bySeries = new Map<string, KeptExemplar[]>();
  /** In the order in which they came; the oldest is at `#next` once the ring is full. */
  readonly #ring: KeptExemplar[] = [];
  #next = 0;
  #evicted = 0;
  #lastArrival = 0;

  /** @param capacity how many are kept; 0 keeps none */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get capacity(): number {
    return this.#capacity;
  }

  get size(): number {
    return this.#ring.length;
  }

  /** How many had to go for younger ones. */
  get evicted(): number {
    return this.#evicted;
  }

  /** The one added last, or null. */
  get newest(): KeptExemplar | null {
    return this.#ring.at(this.#next - 1) ?? null;
  }

  /**
   * Adds the exemplar of a series. It has to be younger than the ones of that series before it.
   * @param arrival its number, for one read back from a log; above all before it
   */
  add(series: Labels, exemplar: Exemplar, arrival = this.#lastArrival + 1): ExemplarVerdict {
    if (charactersOf(exemplar.labels) > MAX_LABEL_CHARACTERS) return 'labels_too_long';
    if (series.flat.reduce((sum, text) => sum + text.length, 0) > MAX_SERIES_CHARACTERS) {
      return 'labels_too_long';
    }
    if (this.#capacity === 0) return 'disabled';
    const last = this.#bySeries.get(series.key)?.at(-1)?.exemplar;
    if (last !== undefined && exemplar.timeMs <= last.timeMs) {
      return isSame(last, exemplar) ? 'repeated' : 'out_of_order';
    }
    this.#lastArrival = arrival;
    const kept: KeptExemplar = { series, exemplar, arrival, loggedIn: 0 };
    if (this.#ring.length < this.#capacity) {
      this.#ring.push(kept);
    } else {
      this.#evict(this.#ring[this.#next]!);
      this.#ring[this.#next] = kept;
      this.#next = (this.#next + 1) % this.#capacity;
    }
    const known = this.#bySeries.get(series.key);
    if (known === undefined) this.#bySeries.set(series.key, [kept]);
    else known.push(kept);
    return 'added';
  }

  /** Exemplars with `minMs <= t <= maxMs` of the series that fulfil one of the sets of matchers. */
  select(
    matcherSets: readonly (readonly Matcher[])[],
    minMs: number,
    maxMs: number,
  ): SeriesExemplars[] {
    const found: SeriesExemplars[] = [];
    for (const kept of this.#bySeries.values()) {
      const { series } = kept[0]!;
      if (!matcherSets.some((matchers) => matchesAll(series, matchers))) continue;
      const exemplars = kept.map(({ exemplar }) => exemplar);
      const shown = exemplars.filter(({ timeMs }) => timeMs >= minMs && timeMs <= maxMs);
      if (shown.length > 0) found.push({ series, exemplars: shown });
    }
    return found;
  }

  /** Those that no segment from `sequence` on is sure to have, in the order in which they came. */
  loggedBefore(sequence: number): KeptExemplar[] {
    const inOrder = [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)];
    return inOrder.filter(({ loggedIn }) => loggedIn < sequence);
  }

  #evict({ series }: KeptExemplar): void {
    const kept = this.#bySeries.get(series.key)!;
    kept.shift();
    if (kept.length === 0) this.#bySeries.delete(series.key);
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
