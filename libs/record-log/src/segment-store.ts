/** A segment as a store lists it. */
export interface SegmentInfo {
  /** Whole and positive; later segments have higher numbers. */
  readonly sequence: number;
  readonly bytes: number;
}

/** How much room there is where the segments lie. */
export interface DiskSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/**
 * Where the log keeps its segments: append-only files known by number. Calls for one segment never overlap. Every method
 * may fail; what an append that failed has written is unknown.
 */
export interface SegmentStore {
  /** In ascending order of sequence. */
  list(): Promise<readonly SegmentInfo[]>;
  /** Makes an empty segment; when that resolves, the segment's existence survives a power cut. */
  create(sequence: number): Promise<void>;
  /** Adds bytes at the end. The buffer may be reused once this has settled. */
  append(sequence: number, bytes: Uint8Array): Promise<void>;
  /** When this resolves, everything appended survives a power cut. */
  sync(sequence: number): Promise<void>;
  /** Lets go of a segment that will not be appended to again. */
  close(sequence: number): Promise<void>;
  /** The segment's bytes in order; each chunk is the reader's until it asks for the next. */
  read(sequence: number): AsyncIterable<Uint8Array>;
  /** Cuts everything after the first `bytes` bytes. */
  truncate(sequence: number, bytes: number): Promise<void>;
  /** Keeps a copy of a damaged segment beside it for inspection (`*.corrupt`), unless there is one. */
  setAside(sequence: number): Promise<void>;
  remove(sequence: number): Promise<void>;
  space(): Promise<DiskSpace>;
}
