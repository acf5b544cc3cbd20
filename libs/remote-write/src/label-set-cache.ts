import type { Labels } from '#libs/labels';

/** A label set as it was read, or why it was refused. */
export type ReadLabels = Labels | string;

/** Label sets above this are not worth keeping: only a hostile or broken sender has them. */
const MAX_ENTRY_BYTES = 8 * 1024;
const MAX_GENERATION_BYTES = 32 * 1024 * 1024;

interface Entry {
  readonly bytes: Buffer;
  readonly labels: ReadLabels;
}

/**
 * Label sets by the bytes they came in. A sender repeats its series in every request, byte for byte; each is decoded,
 * checked and sorted once, and stays the same object, so that whoever looks it up by identity is quick as well.
 *
 * Two generations bound it: when the younger is full it becomes the older, and what the older still held is forgotten
 * unless it is asked for again.
 */
export class LabelSetCache {
  readonly #generationSize: number;
  #youngBytes = 0;
  #young = new Map<number, Entry>();
  #old = new Map<number, Entry>();

  constructor(maxEntries: number) {
    this.#generationSize = Math.max(1, Math.floor(maxEntries / 2));
  }

  get(bytes: Buffer, start: number, end: number, hash: number): ReadLabels | undefined {
    const young = this.#young.get(hash);
    if (young !== undefined && isSame(young.bytes, bytes, start, end)) return young.labels;
    const old = this.#old.get(hash);
    if (old === undefined || !isSame(old.bytes, bytes, start, end)) return undefined;
    this.#put(hash, old);
    return old.labels;
  }

  set(bytes: Buffer, start: number, end: number, hash: number, labels: ReadLabels): void {
    if (end - start > MAX_ENTRY_BYTES) return;
    // A copy: a view would keep the whole request alive.
    this.#put(hash, { bytes: Buffer.from(bytes.subarray(start, end)), labels });
  }

  #put(hash: number, entry: Entry): void {
    if (this.#young.size >= this.#generationSize || this.#youngBytes >= MAX_GENERATION_BYTES) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
    this.#young.set(hash, entry);
    this.#youngBytes += entry.bytes.length;
  }
}

/** 31 bits, which fit a small integer, from four bytes at a time: a multiplicative hash in FNV's manner. */
export function hashBytes(view: DataView, start: number, end: number): number {
  let hash = 0x811c9dc5 ^ (end - start);
  let i = start;
  for (; i + 4 <= end; i += 4) {
    hash = Math.imul(hash ^ view.getInt32(i, true), 0x01000193);
    hash ^= hash >>> 15;
  }
  for (; i < end; i++) hash = Math.imul(hash ^ view.getUint8(i), 0x01000193);
  return (hash ^ (hash >>> 13)) & 0x7fff_ffff;
}

function isSame(known: Buffer, bytes: Buffer, start: number, end: number): boolean {
  return known.length === end - start && bytes.compare(known, 0, known.length, start, end) === 0;
}
