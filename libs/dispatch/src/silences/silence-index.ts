import { type Labels, type Matcher, matchesAll } from '#libs/labels';
import type { Silence } from './silence.ts';

/** The label by which the notice of a silence's end names it; the silence does not hold that notice back. */
export const NOTICE_LABEL = 'binnacle_silence';

/**
 * Finds the silences that match an alert. A silence is filed under one of its equalities, so that an alert is compared with
 * those that share a label with it and not with all.
 */
export class SilenceIndex {
  /** By label name and value. */
  readonly #byValue = new Map<string, Map<string, Set<Silence>>>();
  /** Silences without an equality. */
  readonly #others = new Set<Silence>();
  #size = 0;

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  add(silence: Silence): void {
    this.#size++;
    const place = placeOf(silence);
    if (place === null) {
      this.#others.add(silence);
      return;
    }
    let values = this.#byValue.get(place.name);
    if (values === undefined) this.#byValue.set(place.name, (values = new Map()));
    const known = values.get(place.value);
    if (known === undefined) values.set(place.value, new Set([silence]));
    else known.add(silence);
  }

  remove(silence: Silence): void {
    this.#size--;
    const place = placeOf(silence);
    if (place === null) {
      this.#others.delete(silence);
      return;
    }
    const values = this.#byValue.get(place.name);
    const known = values?.get(place.value);
    if (values === undefined || known === undefined) return;
    known.delete(silence);
    if (known.size === 0) values.delete(place.value);
    if (values.size === 0) this.#byValue.delete(place.name);
  }

  /** Calls `visit` for each silence in force at `nowMs` that matches, until it answers true. @returns whether it did */
  some(labels: Labels, nowMs: number, visit: (silence: Silence) => boolean): boolean {
    if (this.#size === 0) return false;
    const noticed = labels.get(NOTICE_LABEL);
    const isHit = (silence: Silence): boolean =>
      silence.startsAtMs <= nowMs &&
      nowMs < silence.endsAtMs &&
      silence.id !== noticed &&
      matchesAll(labels, silence.matchers) &&
      visit(silence);
    for (const [name, values] of this.#byValue) {
      for (const silence of values.get(labels.get(name)) ?? NONE) if (isHit(silence)) return true;
    }
    for (const silence of this.#others) if (isHit(silence)) return true;
    return false;
  }
}

const NONE: ReadonlySet<Silence> = new Set();

/** The equality that tells most: names of alerts are rarer than severities. */
function placeOf({ matchers }: Silence): Matcher | null {
  const equalities = matchers.filter(({ kind, value }) => kind === '=' && value !== '');
  return equalities.find(({ name }) => name === 'alertname') ?? equalities[0] ?? null;
}
