import { assert } from '#libs/invariant';
import { grown } from './growing-columns.ts';

/** Hands out numbered slots of a few sizes; the memory behind them comes in pages of many slots. */
class SlotClass<Page> {
  readonly slotsPerPage: number;
  readonly pages: Page[] = [];
  readonly #createPage: () => Page;
  #used = 0;
  #free = new Uint32Array(64);
  #freeCount = 0;

  constructor(slotsPerPage: number, createPage: () => Page) {
    this.slotsPerPage = slotsPerPage;
    this.#createPage = createPage;
  }

  get liveCount(): number {
    return this.#used - this.#freeCount;
  }

  take(): number {
    if (this.#freeCount > 0) return this.#free[--this.#freeCount]!;
    if (this.#used === this.pages.length * this.slotsPerPage) this.pages.push(this.#createPage());
    return this.#used++;
  }

  give(slot: number): void {
    if (this.#freeCount === this.#free.length) this.#free = grown(this.#free, this.#freeCount * 2);
    this.#free[this.#freeCount++] = slot;
  }
}

/** Raw samples side by side: times, values, and the values' bits. */
export interface RawPage {
  readonly timesMs: Float64Array;
  readonly values: Float64Array;
  /** `values` as 32-bit words, two a value, in the machine's order. */
  readonly words: Uint32Array;
}

const RAW_SIZES = [4, 8, 16] as const;
const RAW_PAGE_SAMPLES = 4_096;
const BYTE_SIZES = [32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1_024] as const;
const BYTE_PAGE = 48 * 1_024;

/** No slot yet. */
export const NO_SLOT = 255;

/** How many samples the largest raw slot holds. */
export const MAX_RAW_SAMPLES = 16;
/** How many bytes the largest byte slot holds. */
export const MAX_SLOT_BYTES = 1_024;

/** Slots for raw samples. A slot is known by its class (which gives its size) and its number. */
export class RawSlots {
  readonly #classes = RAW_SIZES.map(
    (size) => new SlotClass<RawPage>(Math.floor(RAW_PAGE_SAMPLES / size), createRawPage),
  );

  sizeOf(slotClass: number): number {
    return RAW_SIZES[slotClass]!;
  }

  isLargest(slotClass: number): boolean {
    return slotClass === RAW_SIZES.length - 1;
  }

  take(slotClass: number): number {
    return this.#classes[slotClass]!.take();
  }

  give(slotClass: number, slot: number): void {
    this.#classes[slotClass]!.give(slot);
  }

  pageOf(slotClass: number, slot: number): RawPage {
    const { pages, slotsPerPage } = this.#classes[slotClass]!;
    return pages[Math.floor(slot / slotsPerPage)]!;
  }

  /** Where the slot begins in its page's columns. */
  offsetOf(slotClass: number, slot: number): number {
    return (slot % this.#classes[slotClass]!.slotsPerPage) * RAW_SIZES[slotClass]!;
  }

  get bytes(): number {
    let pages = 0;
    for (const one of this.#classes) pages += one.pages.length;
    return pages * RAW_PAGE_SAMPLES * 16;
  }
}

function createRawPage(): RawPage {
  const values = new Float64Array(RAW_PAGE_SAMPLES);
  return {
    timesMs: new Float64Array(RAW_PAGE_SAMPLES),
    values,
    words: new Uint32Array(values.buffer),
  };
}

/** Slots for the bytes of open chunks. */
export class ByteSlots {
  readonly #classes = BYTE_SIZES.map(
    (size) =>
      new SlotClass<Uint8Array>(Math.floor(BYTE_PAGE / size), () => new Uint8Array(BYTE_PAGE)),
  );

  sizeOf(slotClass: number): number {
    return BYTE_SIZES[slotClass]!;
  }

  /** The smallest class that holds `bytes`. */
  classFor(bytes: number): number {
    const found = BYTE_SIZES.findIndex((size) => size >= bytes);
    assert(found >= 0, 'no slot is that large');
    return found;
  }

  take(slotClass: number): number {
    return this.#classes[slotClass]!.take();
  }

  give(slotClass: number, slot: number): void {
    this.#classes[slotClass]!.give(slot);
  }

  pageOf(slotClass: number, slot: number): Uint8Array {
    const { pages, slotsPerPage } = this.#classes[slotClass]!;
    return pages[Math.floor(slot / slotsPerPage)]!;
  }

  offsetOf(slotClass: number, slot: number): number {
    return (slot % this.#classes[slotClass]!.slotsPerPage) * BYTE_SIZES[slotClass]!;
  }

  /** How many slots are in use, which is how many chunks are open. */
  get liveCount(): number {
    let count = 0;
    for (const one of this.#classes) count += one.liveCount;
    return count;
  }

  get bytes(): number {
    let pages = 0;
    for (const one of this.#classes) pages += one.pages.length;
    return pages * BYTE_PAGE;
  }
}
