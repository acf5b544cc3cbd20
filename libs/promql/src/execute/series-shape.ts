import { type Labels, METRIC_NAME } from '#libs/labels';

/** Labels that describe the metric itself and go when a function changes what the values mean. */
export function isMetadataLabel(name: string): boolean {
  return name === METRIC_NAME || name === '__type__' || name === '__unit__';
}

/** Label sets that are made when they are first asked for; of a join that is summed up, none is. */
export class LazyLabels {
  readonly count: number;
  readonly #make: (row: number) => Labels;
  readonly #made: Labels[] = [];

  constructor(count: number, make: (row: number) => Labels) {
    this.count = count;
    this.#make = make;
  }

  at(row: number): Labels {
    return (this.#made[row] ??= this.#make(row));
  }
}

/**
 * The rows of a block: which labels each has and whether its metadata labels (name, type, unit) are still to be dropped
 * at the end of the query. Nodes keep what they computed for a shape under its identity, so a shape never changes.
 */
export class SeriesShape {
  readonly count: number;
  /** Null, or 1 for each row whose metadata labels go at the end (delayed name removal). */
  readonly pendingDrop: Uint8Array | null;
  readonly #labels: readonly Labels[] | LazyLabels;
  /** Whether metadata labels of `#base` are hidden. Stripping is put off until somebody asks for a row's labels. */
  readonly #strips: boolean;
  #stripped: Labels[] | null = null;
  #withoutMetadata: SeriesShape | null = null;
  #markedForDrop: SeriesShape | null = null;
  #collisions: Int32Array | null | undefined = undefined;
  /** Set where the base rows are known to differ, as the rows of a selection do. */
  #hasDistinctBase = false;
  #grownFrom: { readonly shape: SeriesShape; readonly previousRow: Int32Array } | null = null;
  readonly #derived = new Map<string, unknown>();

  constructor(
    labels: readonly Labels[] | LazyLabels,
    pendingDrop: Uint8Array | null = null,
    stripsMetadata = false,
  ) {
    this.count = labels instanceof LazyLabels ? labels.count : labels.length;
    this.pendingDrop = pendingDrop;
    this.#labels = labels;
    this.#strips = stripsMetadata;
  }

  labelsAt(row: number): Labels {
    const base = this.#baseAt(row);
    if (!this.#strips) return base;
    this.#stripped ??= [];
    return (this.#stripped[row] ??= stripMetadata(base));
  }

  #baseAt(row: number): Labels {
    const labels = this.#labels;
    return labels instanceof LazyLabels ? labels.at(row) : labels[row]!;
  }

  /** One label of a row, without building the row's label set. */
  labelAt(row: number, name: string): string {
    return this.#strips && isMetadataLabel(name) ? '' : this.#baseAt(row).get(name);
  }

  /** What a row's labels are but for `ignored`, as a text that only equal ones share; the row's label set is not built. */
  keyWithout(row: number, ignored: ReadonlySet<string>): string {
    const { flat } = this.#baseAt(row);
    let key = '';
    for (let i = 0; i < flat.length; i += 2) {
      const name = flat[i]!;
      if (ignored.has(name) || (this.#strips && isMetadataLabel(name))) continue;
      const value = flat[i + 1]!;
      key += `${name.length}:${name}${value.length}:${value}`;
    }
    return key;
  }

  /** The metric name of a row, empty where it has been dropped; one that is only marked to go is still there. */
  metricNameAt(row: number): string {
    return this.labelAt(row, METRIC_NAME);
  }

  isPendingDrop(row: number): boolean {
    return this.pendingDrop !== null && this.pendingDrop[row] === 1;
  }

  /** All rows without metadata labels. Rows may have equal labels afterwards; see {@link collisions}. */
  withoutMetadata(): SeriesShape {
    if (this.#strips) return this;
    if (this.#withoutMetadata === null) {
      const stripped = new SeriesShape(this.#labels, null, true);
      stripped.#hasDistinctBase = this.#hasDistinctBase;
      const origin = this.#grownFrom;
      const before = origin === null ? null : origin.shape.#withoutMetadata;
      if (before !== null) stripped.grewFrom(before, this.#grownFrom!.previousRow);
      this.#withoutMetadata = stripped;
    }
    return this.#withoutMetadata;
  }

  /** All rows marked to lose their metadata labels at the end. */
  markedForDrop(): SeriesShape {
    this.#markedForDrop ??= new SeriesShape(
      this.#labels,
      new Uint8Array(this.count).fill(1),
      this.#strips,
    );
    return this.#markedForDrop;
  }

  /**
   * Null when all rows differ in their labels; otherwise for each row the first row with the same labels.
   */
  collisions(): Int32Array | null {
    if (this.#collisions === undefined) this.#collisions = this.#findCollisions();
    return this.#collisions;
  }

  /** Finds {@link collisions} out ahead, with turns of the event loop in between. */
  async lookForCollisions(evaluation: Pausing): Promise<void> {
    if (this.#collisions !== undefined) return;
    const finder = new CollisionFinder(this.count);
    for (let row = 0; row < this.count; row++) {
      if ((row & 1_023) === 0 && evaluation.isPauseDue()) await evaluation.pause();
      finder.add(row, this.labelsAt(row));
    }
    this.#collisions = finder.result;
  }

  #findCollisions(): Int32Array | null {
    if (this.count < 2) return null;
    // The series a selector matched differ. Without metadata they still do if that was equal in all of them.
    if (this.#strips && this.#hasUniformMetadata()) return null;
    const finder = new CollisionFinder(this.count);
    for (let row = 0; row < this.count; row++) finder.add(row, this.labelsAt(row));
    return finder.result;
  }

  #hasUniformMetadata(): boolean {
    const name = this.#baseAt(0).get(METRIC_NAME);
    for (let row = 0; row < this.count; row++) {
      const { flat } = this.#baseAt(row);
      let ownName = '';
      for (let i = 0; i < flat.length; i += 2) {
        const label = flat[i]!;
        if (label === METRIC_NAME) ownName = flat[i + 1]!;
        else if (label === '__type__' || label === '__unit__') return false;
      }
      if (ownName !== name) return false;
    }
    return this.#hasDistinctBase;
  }

  /**
   * What a node computed from these rows under `key`, which names what it is and thereby its type. When there is nothing
   * yet, `derive` is given what was known for the rows this shape grew from, if anything.
   */
  derived<T>(
    key: string,
    derive: (before: { readonly known: T; readonly previousRow: Int32Array } | null) => T,
  ): T {
    // A key names what is kept under it, and thereby its type.
    const known = this.#derived.get(key);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    if (known !== undefined) return known as T;
    const origin = this.#grownFrom;
    const older = origin === null ? undefined : origin.shape.#derived.get(key);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const knownBefore = older as T | undefined;
    const fresh = derive(
      knownBefore === undefined ? null : { known: knownBefore, previousRow: origin!.previousRow },
    );
    if (this.#derived.size >= MAX_DERIVED) this.#derived.clear();
    this.#derived.set(key, fresh);
    return fresh;
  }

  /** As {@link derived}, for what takes long enough to let the event loop turn in between. */
  async derivedLater<T>(
    key: string,
    derive: (before: { readonly known: T; readonly previousRow: Int32Array } | null) => Promise<T>,
  ): Promise<T> {
    const known = this.#derived.get(key);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    if (known !== undefined) return known as T;
    const origin = this.#grownFrom;
    const older = origin === null ? undefined : origin.shape.#derived.get(key);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const knownBefore = older as T | undefined;
    const fresh = await derive(
      knownBefore === undefined ? null : { known: knownBefore, previousRow: origin!.previousRow },
    );
    if (this.#derived.size >= MAX_DERIVED) this.#derived.clear();
    this.#derived.set(key, fresh);
    return fresh;
  }

  /** Notes the shape these rows come from: `previousRow` has each row's number there, or -1. */
  grewFrom(shape: SeriesShape, previousRow: Int32Array): void {
    this.#grownFrom = { shape, previousRow };
  }

  /** Lets go of the shape this one grew from, so that no chain of old shapes stays in memory. */
  forgetOrigin(): void {
    this.#grownFrom = null;
    if (this.#withoutMetadata !== null) this.#withoutMetadata.#grownFrom = null;
  }

  /** A shape whose rows are known to have different labels. */
  static ofDistinct(
    labels: readonly Labels[] | LazyLabels,
    pendingDrop: Uint8Array | null = null,
  ): SeriesShape {
    const shape = new SeriesShape(labels, pendingDrop);
    shape.#collisions = null;
    shape.#hasDistinctBase = true;
    return shape;
  }
}

/** What lets the event loop turn when it is time to. */
interface Pausing {
  isPauseDue(): boolean;
  pause(): Promise<void>;
}

/** Finds rows that have the labels of one before. */
class CollisionFinder {
  readonly #first = new Map<string, number>();
  readonly #firstRow: Int32Array;
  #hasCollision = false;

  constructor(count: number) {
    this.#firstRow = new Int32Array(count);
  }

  add(row: number, { key }: Labels): void {
    const known = this.#first.get(key);
    if (known === undefined) this.#first.set(key, row);
    else this.#hasCollision = true;
    this.#firstRow[row] = known ?? row;
  }

  /** For each row the first with the same labels, or null when all differ. */
  get result(): Int32Array | null {
    return this.#hasCollision ? this.#firstRow : null;
  }
}

/** Most things kept for one shape: groups for different labels, matches with different shapes. */
const MAX_DERIVED = 64;

/** A label set without name, type and unit. */
export function stripMetadata(labels: Labels): Labels {
  return labels.filter((name) => !isMetadataLabel(name));
}
