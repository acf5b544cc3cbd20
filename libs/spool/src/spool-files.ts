/** A segment as it lies on disk. */
export interface SpoolSegmentFile {
  /** Segments are numbered in the order they were begun. */
  readonly number: number;
  readonly sizeBytes: number;
}

/** A segment that was taken out because it was written in a later version's format. */
export interface SetAsideSegment {
  readonly name: string;
  readonly number: number;
  /** Everything before it had been acknowledged. */
  readonly fromOffset: number;
  readonly sizeBytes: number;
}

/** Where a spool lives. Everything rejects with what the file system says. */
export interface SpoolFiles {
  list(): Promise<readonly SpoolSegmentFile[]>;
  /** Appends, making the segment if there is none; resolved when the bytes and the name would survive a power cut. */
  append(segment: number, bytes: readonly Uint8Array[]): Promise<void>;
  /** Puts these bytes in the place of a segment's; after a power cut it has the old or the new ones. */
  replace(segment: number, bytes: readonly Uint8Array[]): Promise<void>;
  /** Up to `length` bytes at `offset`; fewer at the end, none of a segment that is gone. */
  read(segment: number, offset: number, length: number): Promise<Buffer>;
  remove(segment: number): Promise<void>;
  /** Takes a segment out of the list, with its bytes and how far it was acknowledged. */
  setAside(segment: number, fromOffset: number): Promise<void>;
  /** What was set aside, in the order of its numbers. */
  listAside(): Promise<readonly SetAsideSegment[]>;
  /** Like {@link read}, of a segment that was set aside. */
  readAside(name: string, offset: number, length: number): Promise<Buffer>;
  removeAside(name: string): Promise<void>;
  /** The text last saved, or null. */
  loadCursor(): Promise<string | null>;
  /** Replaces the text as a whole. */
  saveCursor(text: string): Promise<void>;
}
