/** What the value of a field is. */
export const TEXT_FIELD = 0;
/** A number as JSON writes them. */
export const NUMBER_FIELD = 1;
/** `true`, `false`, `null`, or an object or array as JSON. */
export const JSON_FIELD = 2;

/** A value as MessagePack has it, from whoever sent the record; nothing here looks into it. */
export const PACKED_FIELD = 3;

/** Most fields that are found in a message; a message with more is not taken apart. */
export const MAX_FIELDS = 128;
/** Longest name of a field, in bytes. */
export const MAX_FIELD_NAME_BYTES = 512;

/**
 * The fields of the records of a batch, as columns: those of row `i` are `first[i]` up to `first[i] + counts[i]`. Names and
 * values are slices of the batch's lines or of its `extra`; nothing is made per field.
 */
export class RecordFields {
  first: Uint32Array;
  counts: Uint16Array;
  nameStarts = new Uint32Array(256);
  nameEnds = new Uint32Array(256);
  valueStarts = new Uint32Array(256);
  valueEnds = new Uint32Array(256);
  kinds = new Uint8Array(256);
  /** 1 where the name lies in `extra`. */
  isNameExtra = new Uint8Array(256);
  /** 1 where the value lies in `extra`. */
  isValueExtra = new Uint8Array(256);
  total = 0;

  /** @param rows of the batch */
  constructor(rows: number) {
    // One row may follow that has none.
    this.first = new Uint32Array(rows + 1);
    this.counts = new Uint16Array(rows + 1);
  }

  /** Makes room for rows that the batch has got since. */
  reserveRows(rows: number): void {
    if (rows < this.first.length) return;
    this.first = widened(this.first, rows * 2);
    const counts = new Uint16Array(rows * 2);
    counts.set(this.counts);
    this.counts = counts;
  }

  /** Fields are added to this row from here on. */
  begin(row: number): void {
    this.first[row] = this.total;
    this.counts[row] = 0;
  }

  /** Takes back what was added to a row. */
  undo(row: number): void {
    this.total = this.first[row]!;
    this.counts[row] = 0;
  }

  /** Adds a field to the row that was begun last. @returns its index, or -1 when the row has too many */
  add(row: number): number {
    if (this.counts[row]! >= MAX_FIELDS) return -1;
    if (this.total === this.kinds.length) this.#grow();
    this.counts[row]! += 1;
    return this.total++;
  }

  /** Adds a field to the row that was begun last, which is what whoever sent the record has said of it. @returns its index */
  addTold(row: number): number {
    if (this.total === this.kinds.length) this.#grow();
    this.counts[row]! += 1;
    return this.total++;
  }

  /** Adds to the row that was begun last a field that stands elsewhere. */
  addCopy(row: number, index: number): void {
    this.#copy(index, this.addTold(row));
  }

  /** The row has these fields again, and nothing that was added to it since. */
  restore(row: number, first: number, count: number): void {
    this.total = this.first[row]!;
    this.first[row] = first;
    this.counts[row] = count;
  }

  /** The same fields, which can be changed apart. */
  copy(rows: number): RecordFields {
    const copy = new RecordFields(rows);
    copy.first.set(this.first.subarray(0, copy.first.length));
    copy.counts.set(this.counts.subarray(0, copy.counts.length));
    copy.nameStarts = this.nameStarts.slice();
    copy.nameEnds = this.nameEnds.slice();
    copy.valueStarts = this.valueStarts.slice();
    copy.valueEnds = this.valueEnds.slice();
    copy.kinds = this.kinds.slice();
    copy.isNameExtra = this.isNameExtra.slice();
    copy.isValueExtra = this.isValueExtra.slice();
    copy.total = this.total;
    return copy;
  }

  /** Takes a field out of the row that was begun last. */
  remove(row: number, index: number): void {
    for (let at = index + 1; at < this.total; at++) this.#copy(at, at - 1);
    this.total--;
    this.counts[row]! -= 1;
  }

  /** What is told of a row is told of another, which stands before it. */
  moveRow(from: number, to: number): void {
    this.first[to] = this.first[from]!;
    this.counts[to] = this.counts[from]!;
  }

  #copy(from: number, to: number): void {
    this.nameStarts[to] = this.nameStarts[from]!;
    this.nameEnds[to] = this.nameEnds[from]!;
    this.valueStarts[to] = this.valueStarts[from]!;
    this.valueEnds[to] = this.valueEnds[from]!;
    this.kinds[to] = this.kinds[from]!;
    this.isNameExtra[to] = this.isNameExtra[from]!;
    this.isValueExtra[to] = this.isValueExtra[from]!;
  }

  #grow(): void {
    const size = this.kinds.length * 2;
    this.nameStarts = widened(this.nameStarts, size);
    this.nameEnds = widened(this.nameEnds, size);
    this.valueStarts = widened(this.valueStarts, size);
    this.valueEnds = widened(this.valueEnds, size);
    this.kinds = lengthened(this.kinds, size);
    this.isNameExtra = lengthened(this.isNameExtra, size);
    this.isValueExtra = lengthened(this.isValueExtra, size);
  }
}

function widened(column: Uint32Array, size: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(size);
  larger.set(column);
  return larger;
}

function lengthened(column: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(size);
  larger.set(column);
  return larger;
}
