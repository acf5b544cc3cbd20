/** What a metric family is. */
export interface MetricMetadata {
  /** As OpenMetrics names it: `counter`, `gauge`, `histogram`, …, `unknown`. */
  readonly type: string;
  readonly help: string;
  readonly unit: string;
}

/** What became of metadata: `repeated` says that it is there already, `too_long` that it is not kept. */
export type MetadataVerdict = 'added' | 'repeated' | 'too_long';

/** A family that is told about in different ways, as by two versions of a program, keeps so many. */
const MAX_PER_FAMILY = 8;
/** Name, type, help and unit of one family together, in UTF-16 code units. */
const MAX_CHARACTERS = 8_192;
/** On average over the families there may be, so that long texts cannot take more memory than many families. */
const MAX_MEAN_CHARACTERS = 512;

interface Family {
  /** The latest first. */
  readonly known: readonly MetricMetadata[];
  readonly characters: number;
  /** All of it is in the log from this segment on. */
  loggedIn: number;
}

/** Metadata of metric families as senders tell it: the latest few of each, of a bounded number of families. */
export class MetadataCatalogue {
  readonly #maxFamilies: number;
  /** The family told of longest ago first. */
  readonly #families = new Map<string, Family>();
  #characters = 0;

  constructor(maxFamilies: number) {
    this.#maxFamilies = maxFamilies;
  }

  get size(): number {
    return this.#families.size;
  }

  /** @param loggedIn the log segment that it is written to if it is new */
  add(family: string, metadata: MetricMetadata, loggedIn = 0): MetadataVerdict {
    if (charactersOf(family, metadata) > MAX_CHARACTERS) return 'too_long';
    const before = this.#families.get(family);
    const others = before?.known.filter((one) => !isSame(one, metadata)) ?? [];
    const known = [metadata, ...others].slice(0, MAX_PER_FAMILY);
    let characters = 0;
    for (const one of known) characters += charactersOf(family, one);
    this.#remove(family);
    this.#families.set(family, { known, characters, loggedIn: before?.loggedIn ?? loggedIn });
    this.#characters += characters;
    while (
      this.#families.size > this.#maxFamilies ||
      this.#characters > this.#maxFamilies * MAX_MEAN_CHARACTERS + MAX_PER_FAMILY * MAX_CHARACTERS
    ) {
      this.#remove(this.#families.keys().next().value!);
    }
    return others.length === (before?.known.length ?? 0) ? 'added' : 'repeated';
  }

  /** Of one family, or of all; the latest first. */
  *entries(family: string | null): Generator<readonly [string, readonly MetricMetadata[]]> {
    if (family !== null) {
      const one = this.#families.get(family);
      if (one !== undefined) yield [family, one.known];
      return;
    }
    for (const [name, { known }] of this.#families) yield [name, known];
  }

  /** Names of the families of which no segment from `sequence` on is sure to have all. */
  loggedBefore(sequence: number): string[] {
    const names: string[] = [];
    for (const [name, { loggedIn }] of this.#families) if (loggedIn < sequence) names.push(name);
    return names;
  }

  /** All of what is known of a family is in the log from this segment on. */
  logged(family: string, sequence: number): void {
    const one = this.#families.get(family);
    if (one !== undefined) one.loggedIn = sequence;
  }

  #remove(name: string): void {
    this.#characters -= this.#families.get(name)?.characters ?? 0;
    this.#families.delete(name);
  }
}

function charactersOf(family: string, { type, help, unit }: MetricMetadata): number {
  return family.length + type.length + help.length + unit.length;
}

function isSame(a: MetricMetadata, b: MetricMetadata): boolean {
  return a.type === b.type && a.help === b.help && a.unit === b.unit;
}
