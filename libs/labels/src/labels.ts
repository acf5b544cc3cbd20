import { fnv1a64Hex } from './fingerprint.ts';
import { compareUtf8 } from './label-order.ts';
import { isValidLegacyName } from './names.ts';
import { quoteLabelValue } from './quote.ts';

/** The label that holds a series' metric name. */
export const METRIC_NAME = '__name__';

/** A name was given twice in one label set. */
export class DuplicateLabelError extends Error {
  override readonly name = 'DuplicateLabelError';
  readonly label: string;
  constructor(label: string) {
    super(`label ${quoteLabelValue(label)} is given twice`);
    this.label = label;
  }
}

/**
 * An immutable set of labels, sorted by name in UTF-8 byte order. A label with an empty value is the same as no label
 * (Prometheus's data model), so none is ever held.
 *
 * This is the form in which label sets cross the doors of the libs; hot paths intern them to row numbers.
 */
export class Labels {
  static readonly EMPTY = new Labels([]);

  /** Names and values in turn: `[name0, value0, name1, value1, …]`, sorted by name. */
  readonly flat: readonly string[];
  #key: string | null = null;

  private constructor(flat: readonly string[]) {
    this.flat = flat;
  }

  /**
   * Trusts that `flat` alternates names and non-empty values and is sorted by {@link compareUtf8} without duplicates.
   * The array belongs to the label set from here on.
   */
  static fromSortedFlat(flat: readonly string[]): Labels {
    return flat.length === 0 ? Labels.EMPTY : new Labels(flat);
  }

  /** An array that was pushed to has room for more than it holds; a copy has not, and label sets live long. */
  static #ofBuilt(flat: readonly string[]): Labels {
    return Labels.fromSortedFlat(flat.slice());
  }

  /**
   * Pairs in any order; empty values are left out.
   * @throws DuplicateLabelError when a name comes twice
   */
  static fromPairs(pairs: Iterable<readonly [string, string]>): Labels {
    const kept: (readonly [string, string])[] = [];
    for (const pair of pairs) if (pair[1] !== '') kept.push(pair);
    kept.sort((a, b) => compareUtf8(a[0], b[0]));
    const flat: string[] = [];
    for (let i = 0; i < kept.length; i++) {
      const [name, value] = kept[i]!;
      if (i > 0 && kept[i - 1]![0] === name) throw new DuplicateLabelError(name);
      flat.push(name, value);
    }
    return Labels.#ofBuilt(flat);
  }

  /** The own enumerable entries of a plain object. */
  static fromRecord(record: Readonly<Record<string, string>>): Labels {
    return Labels.fromPairs(Object.entries(record));
  }

  /** How many labels there are, the metric name included. */
  get size(): number {
    return this.flat.length / 2;
  }

  /** The value of a label, or the empty string where there is none. */
  get(name: string): string {
    const { flat } = this;
    for (let i = 0; i < flat.length; i += 2) if (flat[i] === name) return flat[i + 1]!;
    return '';
  }

  has(name: string): boolean {
    return this.get(name) !== '';
  }

  /** The metric name, or the empty string. */
  get metricName(): string {
    return this.get(METRIC_NAME);
  }

  /** Pairs in name order. */
  *[Symbol.iterator](): IterableIterator<readonly [string, string]> {
    for (let i = 0; i < this.flat.length; i += 2) yield [this.flat[i]!, this.flat[i + 1]!];
  }

  /** A string that two label sets share if and only if they are equal. Computed once. */
  get key(): string {
    // The length prefixes make the joined text unambiguous whatever the values hold.
    // Joined, since a string that `+=` made keeps every part it was made of, and takes eight times the room.
    this.#key ??= this.flat.map((part) => `${part.length}:${part}`).join('');
    return this.#key;
  }

  equals(other: Labels): boolean {
    if (this === other) return true;
    const left = this.flat;
    const right = other.flat;
    if (left.length !== right.length) return false;
    for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
    return true;
  }

  /** This set with one label set, or taken away when `value` is empty. */
  with(name: string, value: string): Labels {
    if (this.get(name) === value) return this;
    const flat: string[] = [];
    let isPlaced = value === '';
    for (let i = 0; i < this.flat.length; i += 2) {
      const current = this.flat[i]!;
      if (!isPlaced && compareUtf8(name, current) <= 0) {
        flat.push(name, value);
        isPlaced = true;
      }
      if (current !== name) flat.push(current, this.flat[i + 1]!);
    }
    if (!isPlaced) flat.push(name, value);
    return Labels.#ofBuilt(flat);
  }

  /** This set with all of `other`'s labels, which win where both have a name. */
  merge(other: Labels): Labels {
    if (other.size === 0) return this;
    if (this.size === 0) return other;
    const flat: string[] = [];
    const left = this.flat;
    const right = other.flat;
    let i = 0;
    let j = 0;
    while (i < left.length || j < right.length) {
      const order =
        i >= left.length ? 1 : j >= right.length ? -1 : compareUtf8(left[i]!, right[j]!);
      if (order < 0) {
        flat.push(left[i]!, left[i + 1]!);
        i += 2;
      } else {
        flat.push(right[j]!, right[j + 1]!);
        if (order === 0) i += 2;
        j += 2;
      }
    }
    return Labels.#ofBuilt(flat);
  }

  /** Only the labels for which `keeps` answers true. */
  filter(keeps: (name: string, value: string) => boolean): Labels {
    const flat: string[] = [];
    for (let i = 0; i < this.flat.length; i += 2) {
      if (keeps(this.flat[i]!, this.flat[i + 1]!)) flat.push(this.flat[i]!, this.flat[i + 1]!);
    }
    return flat.length === this.flat.length ? this : Labels.#ofBuilt(flat);
  }

  /** Only the named labels. */
  only(names: ReadonlySet<string>): Labels {
    return this.filter((name) => names.has(name));
  }

  /** All but the named labels. */
  without(names: ReadonlySet<string>): Labels {
    return this.filter((name) => !names.has(name));
  }

  /** This set without the metric name. */
  withoutMetricName(): Labels {
    return this.with(METRIC_NAME, '');
  }

  /**
   * Alertmanager's fingerprint of the label set (`model.LabelSet.Fingerprint`): 64-bit FNV-1a over names and values,
   * each followed by the byte 0xff, as 16 lower-case hexadecimal digits.
   */
  get fingerprint(): string {
    return fnv1a64Hex(this.flat);
  }

  /** A plain object without a prototype, safe for names such as `__proto__`. */
  toRecord(): Record<string, string> {
    const record: Record<string, string> = Object.create(null);
    for (let i = 0; i < this.flat.length; i += 2) record[this.flat[i]!] = this.flat[i + 1]!;
    return record;
  }

  toJSON(): Record<string, string> {
    return this.toRecord();
  }

  /** PromQL's way to write a series: `name{a="b"}`; names outside the classic character set are quoted. */
  toString(): string {
    const metric = this.metricName;
    const isBareMetric = metric !== '' && isValidLegacyName(metric, 'metric');
    const parts: string[] = [];
    if (metric !== '' && !isBareMetric) parts.push(quoteLabelValue(metric));
    for (let i = 0; i < this.flat.length; i += 2) {
      const name = this.flat[i]!;
      if (name === METRIC_NAME) continue;
      const written = isValidLegacyName(name, 'label') ? name : quoteLabelValue(name);
      parts.push(`${written}=${quoteLabelValue(this.flat[i + 1]!)}`);
    }
    const braces = parts.length > 0 || metric === '' ? `{${parts.join(', ')}}` : '';
    return (isBareMetric ? metric : '') + braces;
  }
}
