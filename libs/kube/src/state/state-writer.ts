import { Labels, METRIC_NAME } from '#libs/labels';
import type { Condition, Owner } from '../objects/metadata.ts';

/** The series of one object and their values, one by one. */
export interface ObjectSeries {
  readonly labels: readonly Labels[];
  readonly values: Float64Array;
}

/** A label's name and value. */
export type Pair = readonly [name: string, value: string];

/**
 * What tells the series of one object apart. Unlike {@link Labels.key} it is not kept with the set: series live long and are
 * many, and their keys would take more than they do.
 */
export function seriesText(labels: Labels): string {
  return labels.flat.join('\0');
}

/** Collects the series of an object; a series that comes twice counts once. */
export class StateWriter {
  readonly #common: readonly Pair[];
  #identity: readonly Pair[] = [];
  #labels: Labels[] = [];
  #values: number[] = [];
  #seen = new Set<string>();

  /** @param common what every series carries, as `job` */
  constructor(common: Iterable<Pair>) {
    this.#common = [...common];
  }

  /** Begins an object; every series of it carries `identity`. */
  begin(identity: readonly Pair[]): void {
    this.#identity = identity;
    this.#labels = [];
    this.#values = [];
    this.#seen = new Set();
  }

  /** Adds a series; one without a value (NaN: a quantity that is none) is left out. */
  add(name: string, value: number, ...labels: readonly Pair[]): void {
    if (Number.isNaN(value)) return;
    const named: readonly Pair[] = [
      [METRIC_NAME, name],
      ...this.#common,
      ...this.#identity,
      ...labels,
    ];
    const set = Labels.fromPairs(named);
    const text = seriesText(set);
    if (this.#seen.has(text)) return;
    this.#seen.add(text);
    this.#labels.push(set);
    this.#values.push(value);
  }

  /** Adds a time in seconds; none where there is none. */
  addTime(name: string, timeMs: number | null, ...labels: readonly Pair[]): void {
    if (timeMs !== null) this.add(name, Math.floor(timeMs / 1_000), ...labels);
  }

  /** Adds a number that may be missing. */
  addOptional(name: string, value: number | null, ...labels: readonly Pair[]): void {
    if (value !== null) this.add(name, value, ...labels);
  }

  /** One series for each of the three states of a condition, 1 for that which holds. */
  addStatus(name: string, status: string, label: string, ...labels: readonly Pair[]): void {
    for (const state of ['true', 'false', 'unknown']) {
      this.add(name, status.toLowerCase() === state ? 1 : 0, ...labels, [label, state]);
    }
  }

  /** One series for each condition and state. */
  addConditions(name: string, conditions: readonly Condition[]): void {
    for (const { type, status } of conditions) {
      this.addStatus(name, status, 'status', ['condition', type]);
    }
  }

  /** One series for each of `choices`, 1 for that which holds; none while nothing is chosen. */
  addChoice(name: string, label: string, choices: readonly string[], chosen: string): void {
    if (chosen === '') return;
    for (const choice of choices) this.add(name, choice === chosen ? 1 : 0, [label, choice]);
  }

  /** One series for each owner, one without a name where there is none. */
  addOwners(name: string, owners: readonly Owner[]): void {
    if (owners.length === 0) this.add(name, 1);
    for (const owner of owners) {
      this.add(
        name,
        1,
        ['owner_kind', owner.kind],
        ['owner_name', owner.name],
        ['owner_is_controller', String(owner.controller ?? false)],
      );
    }
  }

  /** What was added since `begin`. */
  take(): ObjectSeries {
    const series = { labels: this.#labels, values: Float64Array.from(this.#values) };
    this.begin([]);
    return series;
  }
}
