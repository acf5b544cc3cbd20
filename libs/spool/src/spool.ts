import { assert } from '#libs/invariant';
import type { BudgetMember, SpoolBudget } from './spool-budget.ts';
import type { SpoolFiles } from './spool-files.ts';
import {
  checked,
  hasLaterMark,
  HEADER_BYTES,
  headerOf,
  lengthIn,
  MAX_ITEM_BYTES,
  type SpoolItem,
} from './spool-item.ts';

/** What to give up when the spool is full. */
export type SpoolFullPolicy = 'drop_oldest' | 'drop_newest';

export interface SpoolOptions {
  readonly files: SpoolFiles;
  /** Most bytes on disk. */
  readonly maxBytes: number;
  readonly policy: SpoolFullPolicy;
  /** Where a segment ends and the next begins. Default an eighth of `maxBytes`, at most 16 MiB. */
  readonly segmentBytes?: number;
  /** The disk it shares with others; default: it has one to itself. */
  readonly share?: SpoolShare;
  /** What makes room before anything else does; default: nothing. */
  readonly thinning?: SpoolThinning;
}

/** What a spool has of a disk that it shares. */
export interface SpoolShare {
  readonly budget: SpoolBudget;
  readonly priority: number;
  /** Whether it makes room for others. What never may be dropped does not, and is written whatever the budget says. */
  readonly givesWay: boolean;
}

/** Takes out of items what matters least. */
export interface SpoolThinning {
  /** How often there is something to take out; the first time what matters least. */
  readonly stages: number;
  /** What is left of an item at a stage, from 1; the same object where that is all of it, null where it is nothing. */
  thin(item: SpoolItem, stage: number): SpoolItem | null;
}

/** Why something was given up: the spool was full, the disk is scarce, or it made room for what matters more. */
export const SPOOL_DROP_REASONS = ['spool_full', 'disk_budget', 'low_priority'] as const;

export type SpoolDropReason = (typeof SPOOL_DROP_REASONS)[number];

/** Others have what there is of the disk, and this spool has nothing that it could give up instead. */
export class SpoolScarceError extends Error {
  override readonly name = 'SpoolScarceError';

  constructor() {
    super('the disk is scarce: what may wait on it is used by spools that matter more');
  }
}

/** What a spool gave up, since it was opened. */
export interface SpoolCounters {
  droppedRecords: number;
  /** The same by reason. */
  readonly droppedFor: Record<SpoolDropReason, number>;
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
  /** The stage up to which it was thinned. */
  stage: number;
}

const MIN_SEGMENT_BYTES = 64 * 1024;

/**
 * A bounded queue on disk. What {@link append} has resolved for survives a power cut and is read in its order, at least
 * once, until it is acknowledged or must make room. Damage costs the rest of its segment and is counted.
 */
export class Spool implements BudgetMember {
  readonly counters: SpoolCounters = {
    droppedRecords: 0,
    droppedFor: { spool_full: 0, disk_budget: 0, low_priority: 0 },
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
  readonly #share: SpoolShare | null;
  readonly #thinning: SpoolThinning | null;
  /** Room that others were promised. */
  #owedBytes = 0;
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
    this.#share = options.share ?? null;
    this.#thinning = options.thinning ?? null;
  }

  /** Opens what an earlier run left, also one of a later version, as far as it is understood. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const spool = new Spool(options);
    await spool.#recover();
    await spool.#takeBack();
    spool.#share?.budget.join(spool);
    return spool;
  }

  /** It shares the disk no more; nothing is appended from here on. */
  close(): void {
    this.#share?.budget.leave(this);
  }

  get priority(): number {
    return this.#share?.priority ?? 0;
  }

  get givesWay(): boolean {
    return this.#share?.givesWay ?? false;
  }

  /** Bytes on disk, also of what was acknowledged in a segment that is not done. */
  get diskBytes(): number {
    return this.#segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  get owedBytes(): number {
    return this.#owedBytes;
  }

  /** Bytes that can be appended without anything of this spool being dropped. */
  get roomBytes(): number {
    const own = this.#maxBytes - this.diskBytes;
    return Math.max(0, Math.min(own, this.#share?.budget.roomFor(this) ?? Infinity));
  }

  /** Gives up so many bytes for others, what matters least first, as soon as it has a turn. */
  makeRoom(bytes: number): void {
    this.#owedBytes += bytes;
    void this.#inTurn(() => this.#payBack()).catch(() => {
      // The disk does not do what it should; whoever writes to it next will say so.
      this.#owedBytes = 0;
    });
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

  /**
   * Resolved when the items would survive a power cut; those there is no room for are dropped and counted.
   * @throws SpoolScarceError
   */
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

  async #append(whole: SpoolItem): Promise<void> {
    const item = await this.#fit(whole);
    if (item === null) return;
    const size = HEADER_BYTES + item.bytes.length;
    let segment = this.#segments.at(-1);
    if (segment === undefined || this.#isSealed || segment.sizeBytes >= this.#segmentLimit) {
      segment = { number: this.#nextNumber++, sizeBytes: 0, records: 0, stage: 0 };
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

  /** Makes room for an item. @returns what is left of it, null where nothing is */
  async #fit(whole: SpoolItem): Promise<SpoolItem | null> {
    let item = whole;
    let reason = this.#lacksRoom(item);
    for (let stage = 1; reason !== null && stage <= this.#stages; stage++) {
      // What comes gives up the same as what is there.
      const rest = this.#thinning!.thin(item, stage);
      this.#noteDropped('low_priority', item, rest);
      if (rest === null) return null;
      item = rest;
      reason = this.#lacksRoom(item);
      while (reason !== null && (await this.#thinOne(stage)) !== null) {
        reason = this.#lacksRoom(item);
      }
    }
    while (reason !== null) {
      if (reason === 'disk_budget' && this.#segments.length === 0) throw new SpoolScarceError();
      if (this.#policy === 'drop_newest' || this.#segments.length === 0 || this.#isTooLarge(item)) {
        this.#noteDropped(reason, item, null);
        return null;
      }
      await this.#giveUpFirst(reason);
      reason = this.#lacksRoom(item);
    }
    return item;
  }

  /** Room is made segment by segment, so they are small where there is little of it. */
  get #segmentLimit(): number {
    const shared = this.#share?.budget.maxBytes ?? Infinity;
    return Math.min(this.#segmentBytes, Math.max(MIN_SEGMENT_BYTES, shared / 32));
  }

  get #stages(): number {
    return this.#thinning?.stages ?? 0;
  }

  #isTooLarge({ bytes }: SpoolItem): boolean {
    return HEADER_BYTES + bytes.length > this.#maxBytes || bytes.length > MAX_ITEM_BYTES;
  }

  /** Why there is no room for an item, or null where there is. */
  #lacksRoom(item: SpoolItem): 'spool_full' | 'disk_budget' | null {
    const size = HEADER_BYTES + item.bytes.length;
    if (this.#isTooLarge(item) || this.diskBytes + size > this.#maxBytes) return 'spool_full';
    const share = this.#share;
    if (share === null || share.budget.admit(this, size) || !share.givesWay) return null;
    return 'disk_budget';
  }

  #noteDropped(reason: SpoolDropReason, before: SpoolItem, after: SpoolItem | null): void {
    this.#count(
      reason,
      before.count - (after?.count ?? 0),
      before.bytes.length - (after?.bytes.length ?? 0),
    );
  }

  #count(reason: SpoolDropReason, records: number, bytes: number): void {
    this.counters.droppedRecords += records;
    this.counters.droppedFor[reason] += records;
    this.counters.droppedBytes += bytes;
  }

  async #giveUpFirst(reason: SpoolDropReason): Promise<void> {
    const first = this.#segments[0]!;
    const kept = this.#inHands?.segment === first.number ? this.#inHands : null;
    this.#count(
      reason,
      first.records - (kept?.records ?? 0),
      first.sizeBytes - this.#offset - (kept?.bytes ?? 0),
    );
    await this.#dropFirst();
  }

  async #payBack(): Promise<void> {
    for (let stage = 1; this.#owedBytes > 0 && stage <= this.#stages; stage++) {
      while (this.#owedBytes > 0) {
        const freed = await this.#thinOne(stage);
        if (freed === null) break;
        this.#owedBytes = Math.max(0, this.#owedBytes - freed);
      }
    }
    while (this.#owedBytes > 0 && this.#segments.length > 0) {
      const { sizeBytes } = this.#segments[0]!;
      await this.#giveUpFirst('disk_budget');
      this.#owedBytes = Math.max(0, this.#owedBytes - sizeBytes);
    }
    this.#owedBytes = 0;
  }

  /**
   * Thins the oldest segment that was not thinned so far: not the one that is being written, nor one of which something
   * was read.
   * @returns the bytes that are free by it, null where there is no such segment
   */
  async #thinOne(stage: number): Promise<number | null> {
    const segment = this.#segments.find(
      (candidate, index) =>
        candidate.stage < stage &&
        index < this.#segments.length - 1 &&
        (index > 0 || (this.#offset === 0 && this.#inHands?.segment !== candidate.number)),
    );
    if (segment === undefined) return null;
    segment.stage = stage;
    const parts: Buffer[] = [];
    const left = { bytes: 0, records: 0 };
    for (let offset = 0; offset < segment.sizeBytes;) {
      const header = await this.#files.read(segment.number, offset, HEADER_BYTES);
      const length = lengthIn(header);
      const item =
        length === null
          ? null
          : checked(header, await this.#files.read(segment.number, offset + HEADER_BYTES, length));
      // Whoever reads it will say that it is damaged.
      if (item === null) return 0;
      offset += HEADER_BYTES + item.bytes.length;
      const rest = this.#thinning!.thin(item, stage);
      if (rest === null) continue;
      parts.push(headerOf(rest), rest.bytes);
      left.bytes += HEADER_BYTES + rest.bytes.length;
      left.records += rest.count;
    }
    const freed = segment.sizeBytes - left.bytes;
    if (freed === 0) return 0;
    const dropped = segment.records - left.records;
    if (left.bytes === 0) {
      await this.#files.remove(segment.number);
      this.#segments.splice(this.#segments.indexOf(segment), 1);
    } else {
      try {
        await this.#files.replace(segment.number, parts);
      } catch {
        // A disk that is full has no room for less either.
        return 0;
      }
    }
    this.#count('low_priority', dropped, freed);
    segment.sizeBytes = left.bytes;
    segment.records = left.records;
    return freed;
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
    return { number, sizeBytes: offset, records, stage: 0 };
  }
}

function cursorText(segment: number, offset: number): string {
  return `${segment} ${offset}\n`;
}

function parseCursor(text: string | null): { segment: number; offset: number } | null {
  const match = /^(\d{1,15}) (\d{1,15})\n$/.exec(text ?? '');
  return match === null ? null : { segment: Number(match[1]), offset: Number(match[2]) };
}
