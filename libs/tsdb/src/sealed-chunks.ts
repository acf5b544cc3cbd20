/** How samples are written in a chunk. Histograms will get numbers of their own. */
const CHUNK_XOR_FLOATS = 1;

/** Address of no chunk. */
export const NO_CHUNK = -1;

const PAGE_BYTES = 256 * 1_024;
const PAGE_WORDS = PAGE_BYTES / 8;
/** Before a chunk's bytes: address of the row's chunk before it, its last time, count, encoding and byte length. */
const HEADER_WORDS = 3;

interface ChunkPage {
  readonly doubles: Float64Array;
  readonly uint32s: Uint32Array;
  readonly bytes: Uint8Array;
  usedWords: number;
  chunkCount: number;
  maxMs: number;
}

/** Where a chunk lies; one object, filled anew for each. */
export interface ChunkView {
  previous: number;
  maxMs: number;
  count: number;
  encoding: number;
  bytes: Uint8Array;
  start: number;
  end: number;
}

/**
 * Sealed chunks in the order in which they were sealed, in pages that are dropped whole once all in them is too old. The
 * chunks of a row form a chain from the newest to the oldest; it ends at the first address that has been dropped.
 *
 * An address counts 8-byte words since the store began and is never used twice, so none can dangle.
 */
export class SealedChunks {
  readonly #pages: ChunkPage[] = [];
  #firstPage = 0;
  #chunkCount = 0;

  get chunkCount(): number {
    return this.#chunkCount;
  }

  get bytes(): number {
    return this.#pages.length * PAGE_BYTES;
  }

  isKept(address: number): boolean {
    return address >= this.#firstPage * PAGE_WORDS;
  }

  /** Copies a chunk in. `count` is at most 65,535. @returns its address */
  add(
    previous: number,
    maxMs: number,
    count: number,
    bytes: Uint8Array,
    start: number,
    byteLength: number,
  ): number {
    const needed = HEADER_WORDS + Math.ceil(byteLength / 8);
    let page = this.#pages.at(-1);
    if (page === undefined || page.usedWords + needed > PAGE_WORDS) {
      page = createPage();
      this.#pages.push(page);
    }
    const at = page.usedWords;
    page.doubles[at] = previous;
    page.doubles[at + 1] = maxMs;
    page.uint32s[2 * at + 4] = (CHUNK_XOR_FLOATS << 16) | count;
    page.uint32s[2 * at + 5] = byteLength;
    const target = (at + HEADER_WORDS) * 8;
    page.bytes.set(bytes.subarray(start, start + byteLength), target);
    page.usedWords += needed;
    page.chunkCount++;
    if (maxMs > page.maxMs) page.maxMs = maxMs;
    this.#chunkCount++;
    return (this.#firstPage + this.#pages.length - 1) * PAGE_WORDS + at;
  }

  /** Fills `view` with the chunk at a kept address. */
  view(address: number, view: ChunkView): void {
    const pageNumber = Math.floor(address / PAGE_WORDS);
    const page = this.#pages[pageNumber - this.#firstPage]!;
    const at = address - pageNumber * PAGE_WORDS;
    view.previous = page.doubles[at]!;
    view.maxMs = page.doubles[at + 1]!;
    const head = page.uint32s[2 * at + 4]!;
    view.count = head & 0xffff;
    view.encoding = head >>> 16;
    view.bytes = page.bytes;
    view.start = (at + HEADER_WORDS) * 8;
    view.end = view.start + page.uint32s[2 * at + 5]!;
  }

  /** Drops pages in which everything is older than `cutoffMs`, oldest first. */
  dropBefore(cutoffMs: number): void {
    let dropped = 0;
    while (dropped < this.#pages.length - 1 && this.#pages[dropped]!.maxMs < cutoffMs) {
      this.#chunkCount -= this.#pages[dropped]!.chunkCount;
      dropped++;
    }
    this.#pages.splice(0, dropped);
    this.#firstPage += dropped;
  }
}

function createPage(): ChunkPage {
  const buffer = new ArrayBuffer(PAGE_BYTES);
  return {
    doubles: new Float64Array(buffer),
    uint32s: new Uint32Array(buffer),
    bytes: new Uint8Array(buffer),
    usedWords: 0,
    chunkCount: 0,
    maxMs: -Infinity,
  };
}
