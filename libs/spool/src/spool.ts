import { crc32 } from 'node:zlib';
import { assert } from '#libs/invariant';
import type { SpoolFiles } from './spool-files.ts';

/** What a spool keeps: bytes that mean something to its user, and how many records they hold. */
export interface SpoolItem {
  readonly bytes: Buffer;
  readonly count: number;
}

/** What to give up when the spool is full. */
export type SpoolFullPolicy = 'drop_oldest' | 'drop_newest';

export interface SpoolOptions {
  readonly files: SpoolFiles;
  /** Most bytes on disk. */
  readonly maxBytes: number;
  readonly policy: SpoolFullPolicy;
  /** Where a segment ends and the next begins. Default an eighth of `maxBytes`, at most 16 MiB. */
  readonly segmentBytes?: number;
}

/** What a spool gave up, since it was opened. */
export interface SpoolCounters {
  droppedRecords: number;
  droppedBytes: number;
  /** Places where the disk had something else than was written, and the bytes that were passed over for it. */
  damagedPlaces: number;
  damagedBytes: number;
}

/** Items from the front of the spool, to be acknowledged when they have arrived. */
export interface SpoolRead {
  readonly items: readonly SpoolItem[];
  readonly segment: number;
  readonly endOffset: number;
}

interface Segment {
  readonly number: number;
  /** Of whole items; the file may have more behind them that was never acknowledged. */
  sizeBytes: number;
  /** Records that were not read and acknowledged. */
  records: number;
}

/** Mark, length, count, checksum of length, count and bytes. */
const HEADER_BYTES = 16;
/** `BSP` and the version of the format, a digit: raised when an earlier version would misread what is written. */
const MARK = 0x42_53_50_31;
/** `BSP9`: the last of the marks that later versions may write. */
const LAST_MARK = 0x42_53_50_39;
const MAX_ITEM_BYTES = 64 * 1024 * 1024;

/**
 * A bounded queue on disk. What {@link append} has resolved for survives a power cut and is read in its order, at least
 * once, until it is acknowledged or must make room. Damage costs the rest of its segment and is counted.
 */
export class Spool {
  readonly counters: SpoolCounters = {
    droppedRecords: 0,
    droppedBytes: 0,
    damagedPlaces: 0,
    damagedBytes: 0,
  };
  readonly #files: SpoolFiles;
  readonly #maxBytes: number;
  readonly #segmentBytes: number;
  readonly #policy: SpoolFullPolicy;
  readonly #segments: Segment[] = [];
  /** Where the first segment goes on. */
  #offset = 0;
  #nextNumber = 1;
  /** Records that were read and neither acknowledged nor read again: their reader has them in memory. */
  #inHands: { readonly segment: number; readonly records: number; readonly bytes: number } | null =
    null;
  #asideBytes = 0;
  /** Nothing is appended to what an earlier run wrote, nor behind a write that failed. */
  #isSealed = true;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(options: SpoolOptions) {
    const { maxBytes } = options;
    assert(maxBytes > 0, 'a spool without room');
    this.#files = options.files;
    this.#maxBytes = maxBytes;
    this.#segmentBytes =
      options.segmentBytes ?? Math.min(16 * 1024 * 1024, Math.max(1, Math.floor(maxBytes / 8)));
    this.#policy = options.policy;
  }

  /** Opens what an earlier run left, also one of a later version, as far as it is understood. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const spool = new Spool(options);
    await spool.#recover();
    await spool.#takeBack();
    return spool;
  }

  /**
   * Bytes of segments that a later version wrote in a format that is not understood. They are kept beside the spool,
   * whatever `maxBytes` is, until a version opens it that understands them.
   */
  get asideBytes(): number {
    return this.#asideBytes;
  }

  get isEmpty(): boolean {
    return this.#segments.length === 0;
  }

  /** Bytes on disk that are waiting. */
  get sizeBytes(): number {
    return this.#segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) - this.#offset;
  }

  /** Records that are waiting. */
  get records(): number {
    return this.#segments.reduce((sum, { records }) => sum + records, 0);
  }

  /** Resolved when the items would survive a power cut; those there is no room for are dropped and counted. */
  append(items: readonly SpoolItem[]): Promise<void> {
    return this.#inTurn(async () => {
      for (const item of items) await this.#append(item);
    });
  }

  /**
   * Items from the front, of one segment, without taking them out: at least one, then while they have at most `maxBytes`
   * together. Null when there are none.
   */
  next(maxBytes: number): Promise<SpoolRead | null> {
    return this.#inTurn(async () => {
      for (;;) {
        const segment = this.#segments[0];
        if (segment === undefined) return null;
        const read = await this.#read(segment, maxBytes);
        if (read !== null) {
          const records = read.items.reduce((sum, { count }) => sum + count, 0);
          const bytes = read.endOffset - this.#offset;
          this.#inHands = { segment: segment.number, records, bytes };
          return read;
        }
        await this.#dropFirst();
      }
    });
  }

  /**
   * The items have arrived and are not read again. They may have made room on disk meanwhile, which is no loss while
   * their reader has them, and is not counted as one.
   */
  acknowledge(read: SpoolRead): Promise<void> {
    return this.#inTurn(async () => {
      this.#inHands = null;
      const segment = this.#segments[0];
      if (segment === undefined || segment.number !== read.segment) return;
      for (const { count } of read.items) segment.records -= count;
      this.#offset = read.endOffset;
      if (this.#offset >= segment.sizeBytes) await this.#dropFirst();
      else await this.#files.saveCursor(cursorText(segment.number, this.#offset));
    });
  }

  /** One operation at a time. */
  #inTurn<Result>(body: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(body);
    this.#last = result.catch(() => {});
    return result;
  }

  async #append(item: SpoolItem): Promise<void> {
    const size = HEADER_BYTES + item.bytes.length;
    if (!(await this.#makeRoom(size))) {
      this.counters.droppedRecords += item.count;
      this.counters.droppedBytes += item.bytes.length;
      return;
    }
    let segment = this.#segments.at(-1);
    if (segment === undefined || this.#isSealed || segment.sizeBytes >= this.#segmentBytes) {
      segment = { number: this.#nextNumber++, sizeBytes: 0, records: 0 };
      // Until it is known to be whole, nothing may be written behind it.
      this.#isSealed = true;
      await this.#begin(segment.number, item);
      this.#segments.push(segment);
      this.#isSealed = false;
    } else {
      this.#isSealed = true;
      await this.#files.append(segment.number, [headerOf(item), item.bytes]);
      this.#isSealed = false;
    }
    segment.sizeBytes += size;
    segment.records += item.count;
  }

  async #begin(number: number, item: SpoolItem): Promise<void> {
    try {
      await this.#files.append(number, [headerOf(item), item.bytes]);
    } catch (error) {
      // Half of it would only take room until the next start.
      await this.#files.remove(number).catch(() => {});
      throw error;
    }
  }

  /** @returns whether there is room for an item of that size now */
  async #makeRoom(size: number): Promise<boolean> {
    if (size > this.#maxBytes || size - HEADER_BYTES > MAX_ITEM_BYTES) return false;
    const total = (): number => this.#segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    while (total() + size > this.#maxBytes) {
      if (this.#policy === 'drop_newest') return false;
      const first = this.#segments[0]!;
      const kept = this.#inHands?.segment === first.number ? this.#inHands : null;
      this.counters.droppedRecords += first.records - (kept?.records ?? 0);
      this.counters.droppedBytes += first.sizeBytes - this.#offset - (kept?.bytes ?? 0);
      await this.#dropFirst();
    }
    return true;
  }

  async #dropFirst(): Promise<void> {
    const first = this.#segments[0]!;
    await this.#files.remove(first.number);
    this.#segments.shift();
    this.#offset = 0;
    if (this.#segments.length === 0) this.#isSealed = true;
  }

  /** @returns null when nothing is left in the segment */
  async #read(segment: Segment, maxBytes: number): Promise<SpoolRead | null> {
    const items: SpoolItem[] = [];
    let offset = this.#offset;
    let total = 0;
    while (offset < segment.sizeBytes) {
      const header = await this.#files.read(segment.number, offset, HEADER_BYTES);
      const length = lengthIn(header);
      if (length !== null && items.length > 0 && total + length > maxBytes) break;
      const item =
        length === null
          ? null
          : checked(header, await this.#files.read(segment.number, offset + HEADER_BYTES, length));
      if (item === null) {
        this.#passOver(segment, offset);
        break;
      }
      items.push(item);
      total += item.bytes.length;
      offset += HEADER_BYTES + item.bytes.length;
    }
    return items.length === 0 ? null : { items, segment: segment.number, endOffset: offset };
  }

  /** The rest of a segment can't be read. */
  #passOver(segment: Segment, offset: number): void {
    this.counters.damagedPlaces++;
    this.counters.damagedBytes += segment.sizeBytes - offset;
    segment.sizeBytes = offset;
    if (segment === this.#segments.at(-1)) this.#isSealed = true;
  }

  async #recover(): Promise<void> {
    const found = (await this.#files.list()).toSorted((a, b) => a.number - b.number);
    const cursor = parseCursor(await this.#files.loadCursor());
    for (const { number, sizeBytes } of found) {
      this.#nextNumber = Math.max(this.#nextNumber, number + 1);
      const from = cursor !== null && cursor.segment === number ? cursor.offset : 0;
      if (await this.#isOfLaterVersion(number, from, sizeBytes)) {
        await this.#files.setAside(number, from);
        continue;
      }
      const segment = await this.#measure(number, Math.min(from, sizeBytes), sizeBytes);
      // A segment before the cursor's was on its way out.
      const isDone = cursor !== null && number < cursor.segment;
      if (isDone || segment.sizeBytes <= from) await this.#files.remove(number);
      else {
        if (this.#segments.length === 0) this.#offset = from;
        this.#segments.push(segment);
      }
    }
  }

  async #isOfLaterVersion(number: number, from: number, sizeBytes: number): Promise<boolean> {
    return from < sizeBytes && hasLaterMark(await this.#files.read(number, from, HEADER_BYTES));
  }

  /**
   * What an earlier version set aside and this one understands is appended again: not in its place, since the cursor
   * has only one. A stop in the middle of it has part of it twice.
   */
  async #takeBack(): Promise<void> {
    for (const { name, number, fromOffset, sizeBytes } of await this.#files.listAside()) {
      this.#nextNumber = Math.max(this.#nextNumber, number + 1);
      const hasRoom = this.sizeBytes + this.#offset + sizeBytes <= this.#maxBytes;
      const head = await this.#files.readAside(name, fromOffset, HEADER_BYTES);
      if (!hasRoom || hasLaterMark(head)) {
        this.#asideBytes += sizeBytes;
        continue;
      }
      let offset = fromOffset;
      while (offset < sizeBytes) {
        const header = await this.#files.readAside(name, offset, HEADER_BYTES);
        const length = lengthIn(header);
        const item =
          length === null
            ? null
            : checked(header, await this.#files.readAside(name, offset + HEADER_BYTES, length));
        if (item === null) {
          this.counters.damagedPlaces++;
          this.counters.damagedBytes += sizeBytes - offset;
          break;
        }
        await this.#append(item);
        offset += HEADER_BYTES + item.bytes.length;
      }
      await this.#files.removeAside(name);
    }
  }

  /** How far a segment has whole items, by their headers, and by the checksum of the last. */
  async #measure(number: number, from: number, fileBytes: number): Promise<Segment> {
    let offset = from;
    let records = 0;
    while (offset < fileBytes) {
      const header = await this.#files.read(number, offset, HEADER_BYTES);
      const length = lengthIn(header);
      const end = offset + HEADER_BYTES + (length ?? 0);
      if (length === null || end > fileBytes) break;
      if (end === fileBytes) {
        const bytes = await this.#files.read(number, offset + HEADER_BYTES, length);
        if (checked(header, bytes) === null) break;
      }
      records += header.readUInt32BE(8);
      offset = end;
    }
    if (offset < fileBytes) {
      this.counters.damagedPlaces++;
      this.counters.damagedBytes += fileBytes - offset;
    }
    return { number, sizeBytes: offset, records };
  }
}

function headerOf({ bytes, count }: SpoolItem): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(MARK, 0);
  header.writeUInt32BE(bytes.length, 4);
  header.writeUInt32BE(count, 8);
  header.writeUInt32BE(crc32(bytes, crc32(header.subarray(0, 12))), 12);
  return header;
}

function hasLaterMark(header: Buffer): boolean {
  if (header.length < 4) return false;
  const mark = header.readUInt32BE(0);
  return mark > MARK && mark <= LAST_MARK;
}

/** The length that a header tells, or null when it is none. */
function lengthIn(header: Buffer): number | null {
  if (header.length < HEADER_BYTES || header.readUInt32BE(0) !== MARK) return null;
  const length = header.readUInt32BE(4);
  return length <= MAX_ITEM_BYTES ? length : null;
}

function checked(header: Buffer, bytes: Buffer): SpoolItem | null {
  if (bytes.length !== header.readUInt32BE(4)) return null;
  const sum = crc32(bytes, crc32(header.subarray(0, 12)));
  return sum === header.readUInt32BE(12) ? { bytes, count: header.readUInt32BE(8) } : null;
}

function cursorText(segment: number, offset: number): string {
  return `${segment} ${offset}\n`;
}

function parseCursor(text: string | null): { segment: number; offset: number } | null {
  const match = /^(\d{1,15}) (\d{1,15})\n$/.exec(text ?? '');
  return match === null ? null : { segment: Number(match[1]), offset: Number(match[2]) };
}
