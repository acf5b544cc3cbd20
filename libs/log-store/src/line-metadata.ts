import { ByteReader, ByteWriter } from '#libs/block-files';

/*
 * Structured metadata of a line: the number of pairs, then names and values in turn, each a text after its length. Lines
 * of one chunk share equal metadata, which is known by its bytes.
 */

const NO_METADATA: ReadonlyMap<string, string> = new Map();

/** Appends metadata in its stored form. A name given twice keeps the last value; empty values are kept. */
export function writeMetadata(writer: ByteWriter, pairs: ReadonlyMap<string, string>): void {
  writer.varint(pairs.size);
  for (const [name, value] of pairs) {
    writer.text(name);
    writer.text(value);
  }
}

/** @throws BlockError when that is no metadata */
export function readMetadata(bytes: Buffer): ReadonlyMap<string, string> {
  if (bytes.length === 0) return NO_METADATA;
  const reader = new ByteReader(bytes);
  const pairs = new Map<string, string>();
  for (let left = reader.count(); left > 0; left--) {
    const name = reader.text();
    pairs.set(name, reader.text());
  }
  return pairs;
}

/** The different metadata of one chunk's lines, numbered from 1; 0 is none. */
export class MetadataTable {
  readonly #entries: Buffer[] = [];
  readonly #numbers = new Map<string, number>();
  #last: Buffer = Buffer.alloc(0);
  #lastNumber = 0;
  #bytes = 0;

  /** What it takes in memory, about. */
  get memoryBytes(): number {
    return this.#bytes;
  }

  get entries(): readonly Buffer[] {
    return this.#entries;
  }

  /** The number of the metadata in `bytes`, which stay the caller's. */
  numberOf(bytes: Buffer, start: number, end: number): number {
    const length = end - start;
    if (length === 0) return 0;
    // Most lines have what the line before had.
    if (this.#last.length === length && bytes.compare(this.#last, 0, length, start, end) === 0) {
      return this.#lastNumber;
    }
    const key = bytes.toString('latin1', start, end);
    let number = this.#numbers.get(key);
    if (number === undefined) {
      const copy = Buffer.from(bytes.subarray(start, end));
      number = this.#entries.push(copy);
      this.#numbers.set(key, number);
      this.#bytes += 3 * length + 100;
    }
    this.#last = this.#entries[number - 1]!;
    this.#lastNumber = number;
    return number;
  }
}
