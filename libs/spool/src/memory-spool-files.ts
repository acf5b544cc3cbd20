import type { SetAsideSegment, SpoolFiles, SpoolSegmentFile } from './spool-files.ts';

/** Thrown at the step at which a test wants the machine to stop. */
export class SimulatedCrash extends Error {
  override readonly name = 'SimulatedCrash';
}

/** A disk in memory, on which a test can have every operation fail, in the middle or before, and fill it up. */
export class MemorySpoolFiles implements SpoolFiles {
  readonly segments = new Map<number, Buffer>();
  readonly aside = new Map<string, Buffer>();
  cursor: string | null = null;
  /** Operations that write, so far. */
  writes = 0;
  /** The write that does not happen or, when appending, half; the machine stops there. */
  crashAtWrite = Number.POSITIVE_INFINITY;
  /** Bytes the disk has room for. */
  capacityBytes = Number.POSITIVE_INFINITY;

  list(): Promise<readonly SpoolSegmentFile[]> {
    return Promise.resolve(
      [...this.segments].map(([number, { length }]) => ({ number, sizeBytes: length })),
    );
  }

  async append(segment: number, bytes: readonly Uint8Array[]): Promise<void> {
    const old = this.segments.get(segment) ?? Buffer.alloc(0);
    const added = Buffer.concat(bytes);
    const used = [...this.segments.values()].reduce((sum, { length }) => sum + length, 0);
    if (used + added.length > this.capacityBytes) {
      const room = Math.max(0, this.capacityBytes - used);
      this.segments.set(segment, Buffer.concat([old, added.subarray(0, room)]));
      throw new Error('ENOSPC: no space left on device');
    }
    try {
      this.#write();
    } catch (error) {
      const half = added.subarray(0, Math.floor(added.length / 2));
      this.segments.set(segment, Buffer.concat([old, half]));
      throw error;
    }
    this.segments.set(segment, Buffer.concat([old, added]));
  }

  async replace(segment: number, bytes: readonly Uint8Array[]): Promise<void> {
    const used = [...this.segments.values()].reduce((sum, { length }) => sum + length, 0);
    const added = Buffer.concat(bytes);
    // The old ones are there until the new ones are.
    if (used + added.length > this.capacityBytes) {
      throw new Error('ENOSPC: no space left on device');
    }
    this.#write();
    this.segments.set(segment, added);
  }

  read(segment: number, offset: number, length: number): Promise<Buffer> {
    const bytes = this.segments.get(segment);
    return Promise.resolve(
      bytes === undefined ? Buffer.alloc(0) : Buffer.from(bytes.subarray(offset, offset + length)),
    );
  }

  async remove(segment: number): Promise<void> {
    this.#write();
    this.segments.delete(segment);
  }

  async setAside(segment: number, fromOffset: number): Promise<void> {
    this.#write();
    this.aside.set(`${segment}.${fromOffset}`, this.segments.get(segment)!);
    this.segments.delete(segment);
  }

  listAside(): Promise<readonly SetAsideSegment[]> {
    return Promise.resolve(
      [...this.aside].map(([name, { length }]) => ({
        name,
        number: Number.parseInt(name, 10),
        fromOffset: Number(name.slice(name.indexOf('.') + 1)),
        sizeBytes: length,
      })),
    );
  }

  readAside(name: string, offset: number, length: number): Promise<Buffer> {
    return Promise.resolve(Buffer.from(this.aside.get(name)!.subarray(offset, offset + length)));
  }

  async removeAside(name: string): Promise<void> {
    this.#write();
    this.aside.delete(name);
  }

  loadCursor(): Promise<string | null> {
    return Promise.resolve(this.cursor);
  }

  async saveCursor(text: string): Promise<void> {
    this.#write();
    this.cursor = text;
  }

  #write(): void {
    if (this.writes >= this.crashAtWrite) throw new SimulatedCrash('the machine stopped');
    this.writes++;
  }
}
