import { assert } from '#libs/invariant';
import type { DiskSpace, SegmentInfo, SegmentStore } from './segment-store.ts';

/** What goes wrong in a {@link MemorySegmentStore}; to be changed while it runs. */
export interface SegmentFaults {
  /** Every sync fails. */
  failsSync: boolean;
  /** Sync reports success and makes nothing durable: a disk that lies. */
  ignoresSync: boolean;
  /** Appends that would exceed so many bytes in all write what fits and fail. */
  capacityBytes: number;
  /** The next append writes only so many of its bytes and fails; null for none. */
  tearsNextAppendAt: number | null;
  /** After so many more changes every change fails, as after a kill; Infinity for never. */
  stepsLeft: number;
}

interface MemorySegment {
  bytes: Buffer;
  /** How much of it survives a power cut. */
  syncedBytes: number;
  isClosed: boolean;
}

/** A write that a {@link MemorySegmentStore} was told to fail; `code` is what a file system would say. */
export class SegmentFaultError extends Error {
  override readonly name = 'SegmentFaultError';
  readonly code: 'ENOSPC' | 'EIO';
  constructor(code: 'ENOSPC' | 'EIO') {
    super(code === 'ENOSPC' ? 'no space left on device' : 'input/output error');
    this.code = code;
  }
}

const READ_CHUNK_BYTES = 256 * 1_024;

/** Segments in memory, with the faults of a disk: for tests and for the simulator. */
export class MemorySegmentStore implements SegmentStore {
  readonly faults: SegmentFaults = {
    failsSync: false,
    ignoresSync: false,
    capacityBytes: Infinity,
    tearsNextAppendAt: null,
    stepsLeft: Infinity,
  };
  #segments = new Map<number, MemorySegment>();
  readonly #asides = new Map<number, Buffer>();

  /** Sequences of which a damaged copy has been kept. */
  get setAsides(): readonly number[] {
    return [...this.#asides.keys()];
  }

  /**
   * What a machine finds after losing power: of each segment what was synced, and of the rest as many bytes as
   * `keptOfUnsynced` says (none by default), since a disk may have written some of it.
   */
  powerCut(keptOfUnsynced: (unsyncedBytes: number) => number = () => 0): MemorySegmentStore {
    const after = new MemorySegmentStore();
    for (const [sequence, segment] of this.#segments) {
      const kept = segment.syncedBytes + keptOfUnsynced(segment.bytes.length - segment.syncedBytes);
      after.#segments.set(sequence, {
        bytes: Buffer.from(segment.bytes.subarray(0, kept)),
        syncedBytes: kept,
        isClosed: true,
      });
    }
    return after;
  }

  /** The bytes of a segment, to be damaged in place. */
  bytesOf(sequence: number): Buffer {
    return this.#segment(sequence).bytes;
  }

  async list(): Promise<readonly SegmentInfo[]> {
    const list = Array.from(this.#segments, ([sequence, { bytes }]) => ({
      sequence,
      bytes: bytes.length,
    }));
    return list.toSorted((a, b) => a.sequence - b.sequence);
  }

  async create(sequence: number): Promise<void> {
    this.#step();
    assert(!this.#segments.has(sequence), 'segment created twice');
    this.#segments.set(sequence, { bytes: Buffer.alloc(0), syncedBytes: 0, isClosed: false });
  }

  async append(sequence: number, bytes: Uint8Array): Promise<void> {
    this.#step();
    const segment = this.#segment(sequence);
    assert(!segment.isClosed, 'append to a closed segment');
    let room = this.faults.capacityBytes;
    for (const other of this.#segments.values()) room -= other.bytes.length;
    const torn = this.faults.tearsNextAppendAt;
    this.faults.tearsNextAppendAt = null;
    const kept = Math.max(0, Math.min(bytes.length, room, torn ?? Infinity));
    segment.bytes = Buffer.concat([segment.bytes, bytes.subarray(0, kept)]);
    if (kept < bytes.length) throw new SegmentFaultError(room < bytes.length ? 'ENOSPC' : 'EIO');
  }

  async sync(sequence: number): Promise<void> {
    this.#step();
    if (this.faults.failsSync) throw new SegmentFaultError('EIO');
    const segment = this.#segment(sequence);
    if (!this.faults.ignoresSync) segment.syncedBytes = segment.bytes.length;
  }

  async close(sequence: number): Promise<void> {
    this.#segment(sequence).isClosed = true;
  }

  async *read(sequence: number): AsyncIterable<Uint8Array> {
    const { bytes } = this.#segment(sequence);
    for (let start = 0; start < bytes.length; start += READ_CHUNK_BYTES) {
      yield bytes.subarray(start, start + READ_CHUNK_BYTES);
    }
  }

  async truncate(sequence: number, bytes: number): Promise<void> {
    this.#step();
    const segment = this.#segment(sequence);
    segment.bytes = segment.bytes.subarray(0, bytes);
    segment.syncedBytes = Math.min(segment.syncedBytes, bytes);
  }

  async setAside(sequence: number): Promise<void> {
    if (this.#asides.has(sequence)) return;
    this.#asides.set(sequence, Buffer.from(this.#segment(sequence).bytes));
  }

  async remove(sequence: number): Promise<void> {
    this.#step();
    this.#segments.delete(sequence);
  }

  async space(): Promise<DiskSpace> {
    let used = 0;
    for (const { bytes } of this.#segments.values()) used += bytes.length;
    const totalBytes = Math.min(this.faults.capacityBytes, 2 ** 40);
    return { freeBytes: Math.max(0, totalBytes - used), totalBytes };
  }

  #step(): void {
    if (this.faults.stepsLeft <= 0) throw new SegmentFaultError('EIO');
    this.faults.stepsLeft--;
  }

  #segment(sequence: number): MemorySegment {
    const segment = this.#segments.get(sequence);
    if (segment === undefined) throw new SegmentFaultError('EIO');
    return segment;
  }
}
