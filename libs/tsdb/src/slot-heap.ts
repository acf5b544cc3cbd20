import { assert } from '#libs/invariant';

/** One page of a {@link SlotClass} with its free slots. */
interface SlotPage<Page> {
  readonly memory: Page;
  /** Its place among the pages; slot numbers begin at `index * slotsPerPage`. */
  readonly index: number;
  readonly freed: Uint16Array;
  freedCount: number;
  /** Slots below were handed out at least once. */
  usedCount: number;
  /** Its place among the pages with room, or -1. */
  roomIndex: number;
}

/** Hands out numbered slots of one size. The memory behind them comes in pages, and a page without slots in use goes back. */
class SlotClass<Page> {
  readonly slotsPerPage: number;
  readonly #createPage: () => Page;
  readonly #pages: (SlotPage<Page> | null)[] = [];
  readonly #emptyIndices: number[] = [];
  readonly #room: SlotPage<Page>[] = [];
  #pageCount = 0;
  #liveCount = 0;

  constructor(slotsPerPage: number, createPage: () => Page) {
    assert(slotsPerPage <= 0xffff, 'slot numbers within a page take 16 bits');
    this.slotsPerPage = slotsPerPage;
    this.#createPage = createPage;
  }

  get liveCount(): number {
    return this.#liveCount;
  }

  get pageCount(): number {
    return this.#pageCount;
  }

  memoryOf(slot: number): Page {
    return this.#pages[Math.floor(slot / this.slotsPerPage)]!.memory;
  }

  take(): number {
    const page = this.#room.at(-1) ?? this.#addPage();
    const slot = page.freedCount > 0 ? page.freed[--page.freedCount]! : page.usedCount++;
    if (page.freedCount === 0 && page.usedCount === this.slotsPerPage) this.#leaveRoom(page);
    this.#liveCount++;
    return page.index * this.slotsPerPage + slot;
  }

  give(slot: number): void {
    const page = this.#pages[Math.floor(slot / this.slotsPerPage)]!;
    page.freed[page.freedCount++] = slot - page.index * this.slotsPerPage;
    this.#liveCount--;
    if (page.freedCount === page.usedCount && this.#pageCount > 1) {
      if (page.roomIndex >= 0) this.#leaveRoom(page);
      this.#pages[page.index] = null;
      this.#emptyIndices.push(page.index);
      this.#pageCount--;
    } else if (page.roomIndex < 0) {
      page.roomIndex = this.#room.length;
      this.#room.push(page);
    }
  }

  #addPage(): SlotPage<Page> {
    const page: SlotPage<Page> = {
      memory: this.#createPage(),
      index: this.#emptyIndices.pop() ?? this.#pages.length,
      freed: new Uint16Array(this.slotsPerPage),
      freedCount: 0,
      usedCount: 0,
      roomIndex: this.#room.length,
    };
    this.#pages[page.index] = page;
    this.#room.push(page);
    this.#pageCount++;
    return page;
  }

  #leaveRoom(page: SlotPage<Page>): void {
    const last = this.#room.pop()!;
    if (last !== page) {
      this.#room[page.roomIndex] = last;
      last.roomIndex = page.roomIndex;
    }
    page.roomIndex = -1;
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
    return this.#classes[slotClass]!.memoryOf(slot);
  }

  /** Where the slot begins in its page's columns. */
  offsetOf(slotClass: number, slot: number): number {
    return (slot % this.#classes[slotClass]!.slotsPerPage) * RAW_SIZES[slotClass]!;
  }

  get bytes(): number {
    let pages = 0;
    for (const one of this.#classes) pages += one.pageCount;
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
    return this.#classes[slotClass]!.memoryOf(slot);
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
    for (const one of this.#classes) pages += one.pageCount;
    return pages * BYTE_PAGE;
  }
}
