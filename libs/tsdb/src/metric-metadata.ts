/** What a metric family is. */
export interface MetricMetadata {
  /** As OpenMetrics names it: `counter`, `gauge`, `histogram`, …, `unknown`. */
  readonly type: string;
  readonly help: string;
  readonly unit: string;
}

/** A family that is told about in different ways, as by two versions of a program, keeps so many. */
const MAX_PER_FAMILY = 8;

/** Metadata of metric families as senders tell it: the latest few of each, of a bounded number of families. */
export class MetadataCatalogue {
  readonly #maxFamilies: number;
  /** The family told of longest ago first; of each the latest metadata first. */
  readonly #families = new Map<string, MetricMetadata[]>();

  constructor(maxFamilies: number) {
    this.#maxFamilies = maxFamilies;
  }

  get size(): number {
    return this.#families.size;
  }

  add(family: string, metadata: MetricMetadata): void {
    const known = this.#families.get(family) ?? [];
    const others = known.filter((one) => !isSame(one, metadata));
    this.#families.delete(family);
    this.#families.set(family, [metadata, ...others].slice(0, MAX_PER_FAMILY));
    if (this.#families.size > this.#maxFamilies) {
      this.#families.delete(this.#families.keys().next().value!);
    }
  }

  /** Of one family, or of all. */
  *entries(family: string | null): Generator<readonly [string, readonly MetricMetadata[]]> {
    if (family === null) {
      yield* this.#families;
      return;
    }
    const known = this.#families.get(family);
    if (known !== undefined) yield [family, known];
  }
}

function isSame(a: MetricMetadata, b: MetricMetadata): boolean {
  return a.type === b.type && a.help === b.help && a.unit === b.unit;
}
