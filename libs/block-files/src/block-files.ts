/** A block file as the store of files lists it. */
export interface BlockFileInfo {
  readonly name: string;
  readonly bytes: number;
}

/** A block being written. After `commit` or `abort` it takes nothing more. */
export interface BlockSink {
  /** Adds bytes at the end. The buffer may be reused once this has settled. */
  append(bytes: Uint8Array): Promise<void>;
  /** Gives the file its name; when this resolves, the whole file survives a power cut. */
  commit(): Promise<void>;
  /** Leaves nothing behind. */
  abort(): Promise<void>;
}

/** A block open for reading. */
export interface BlockHandle {
  readonly bytes: number;
  /** Exactly `length` bytes from `offset` on. @throws whatever the disk says, and when the file ends before */
  read(offset: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

/**
 * Where blocks lie: files that are written once, appear whole under their name or not at all, and are never changed.
 */
export interface BlockFiles {
  list(): Promise<readonly BlockFileInfo[]>;
  create(name: string): Promise<BlockSink>;
  open(name: string): Promise<BlockHandle>;
  remove(name: string): Promise<void>;
  /** Keeps a damaged block under another name (`*.corrupt`), so that it is no longer listed. */
  setAside(name: string): Promise<void>;
  /** The text written by `writeMarks` last, or null. */
  readMarks(): Promise<string | null>;
  /** Replaces the text; when that resolves, it survives a power cut. A reader finds the old text or the new. */
  writeMarks(text: string): Promise<void>;
}

/** A copy of a store that is being made. Nobody sees it before `commit`; after `commit` or `abort` it takes nothing more. */
export interface BlockCopy {
  /** The copy's blocks, to write those that the store does not have. */
  readonly files: BlockFiles;
  /** Takes over a block of the store under its name. */
  take(name: string): Promise<void>;
  /** Gives the copy its name; when this resolves, the whole copy survives a power cut. */
  commit(): Promise<void>;
  /** Leaves nothing behind. */
  abort(): Promise<void>;
}
