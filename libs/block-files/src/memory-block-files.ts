import type { BlockFileInfo, BlockFiles, BlockHandle, BlockSink } from './block-files.ts';

/** A step that a {@link MemoryBlockFiles} was told to fail at. */
export class BlockFaultError extends Error {
  override readonly name = 'BlockFaultError';
}

/** Block files in memory, with the faults of a disk and of a process that ends: for tests and for the simulator. */
export class MemoryBlockFiles implements BlockFiles {
  readonly #files: Map<string, Buffer>;
  readonly asides = new Map<string, Buffer>();
  #marks: string | null;
  /** After so many more changes every step fails, as after a kill; Infinity for never. */
  stepsLeft = Infinity;

  constructor(before: MemoryBlockFiles | null = null) {
    this.#files = new Map(before === null ? [] : before.#files);
    this.#marks = before === null ? null : before.#marks;
  }

  /** What a new process finds. */
  restarted(): MemoryBlockFiles {
    return new MemoryBlockFiles(this);
  }

  /** The bytes of a block, to be damaged in place. */
  bytesOf(name: string): Buffer {
    const bytes = this.#files.get(name);
    if (bytes === undefined) throw new BlockFaultError(`${name} is not there`);
    return bytes;
  }

  put(name: string, bytes: Buffer): void {
    this.#files.set(name, bytes);
  }

  async list(): Promise<readonly BlockFileInfo[]> {
    const list = Array.from(this.#files, ([name, bytes]) => ({ name, bytes: bytes.length }));
    return list.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  async create(name: string): Promise<BlockSink> {
    this.#step();
    const parts: Buffer[] = [];
    return {
      append: async (bytes) => {
        this.#step();
        parts.push(Buffer.from(bytes));
      },
      commit: async () => {
        this.#step();
        this.#files.set(name, Buffer.concat(parts));
      },
      abort: async () => {},
    };
  }

  async open(name: string): Promise<BlockHandle> {
    const bytes = this.bytesOf(name);
    let isOpen = true;
    return {
      bytes: bytes.length,
      read: async (offset, length) => {
        if (!isOpen) throw new BlockFaultError(`${name} has been closed`);
        if (offset + length > bytes.length) throw new BlockFaultError(`${name} ends early`);
        return Buffer.from(bytes.subarray(offset, offset + length));
      },
      close: async () => {
        isOpen = false;
      },
    };
  }

  async remove(name: string): Promise<void> {
    this.#step();
    this.#files.delete(name);
  }

  async setAside(name: string): Promise<void> {
    this.#step();
    const bytes = this.#files.get(name);
    if (bytes === undefined) return;
    this.asides.set(name, bytes);
    this.#files.delete(name);
  }

  async readMarks(): Promise<string | null> {
    return this.#marks;
  }

  async writeMarks(text: string): Promise<void> {
    this.#step();
    this.#marks = text;
  }

  #step(): void {
    if (this.stepsLeft <= 0) throw new BlockFaultError('the process has ended');
    this.stepsLeft--;
  }
}
