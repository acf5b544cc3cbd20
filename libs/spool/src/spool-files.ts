/** A segment as it lies on disk. */
export interface SpoolSegmentFile {
  /** Segments are numbered in the order they were begun. */
  readonly number: number;
  readonly sizeBytes: number;
}

/** Where a spool lives. Everything rejects with what the file system says. */
export interface SpoolFiles {
  list(): Promise<readonly SpoolSegmentFile[]>;
  /** Appends, making the segment if there is none; resolved when the bytes and the name would survive a power cut. */
  append(segment: number, bytes: readonly Uint8Array[]): Promise<void>;
  /** Up to `length` bytes at `offset`; fewer at the end, none of a segment that is gone. */
  read(segment: number, offset: number, length: number): Promise<Buffer>;
  remove(segment: number): Promise<void>;
  /** The text last saved, or null. */
  loadCursor(): Promise<string | null>;
  /** Replaces the text as a whole. */
  saveCursor(text: string): Promise<void>;
}
