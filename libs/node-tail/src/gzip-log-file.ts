import { fstatSync, readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { type FileId, LogFileError, type LogFileHandle, type LogFileStat } from '#libs/log-tail';

/** What was read last and may be asked for again, as the beginning of a line whose end was not in it. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024;
/** No log file is that long; something that is made to unpack for ever is. */
const MAX_UNPACKED_BYTES = 64 * 1024 * 1024 * 1024;
/** Header and trailer alone. */
const MIN_BYTES = 18;
const PIECE_BYTES = 64 * 1024;
/** As large as this the rest seems while nobody knows. */
const UNKNOWN_REST_BYTES = 1024 * 1024;

/**
 * A compressed log file as it was. It is unpacked as it is read; going back further than a little begins anew. A damaged
 * one ends where the damage is, after an error that says so.
 */
export class GzipLogFileHandle implements LogFileHandle {
  readonly id: FileId;
  readonly isArchive = true;
  readonly #path: string;
  readonly #handle: FileHandle;
  #parts: AsyncIterator<Buffer> | null = null;
  /** Unpacked bytes, the first of which lies at `#keptFrom`. */
  #kept: Buffer = Buffer.alloc(0);
  #keptFrom = 0;
  #end: number | null = null;

  constructor(path: string, handle: FileHandle, id: FileId) {
    this.#path = path;
    this.#handle = handle;
    this.id = id;
  }

  /** As the last four bytes tell; of several members behind one another they tell the last one's. */
  contentBytes(): number | null {
    try {
      const { size } = fstatSync(this.#handle.fd);
      const told = Buffer.alloc(4);
      if (size < MIN_BYTES || readSync(this.#handle.fd, told, 0, 4, size - 4) < 4) return null;
      return told.readUInt32LE();
    } catch {
      return null;
    }
  }

  stat(): LogFileStat {
    const sizeBytes = this.#end ?? this.#keptFrom + this.#kept.length + UNKNOWN_REST_BYTES;
    // Nobody writes to it any more, whatever became of its name.
    return { sizeBytes, modifiedMs: 0, isLinked: true };
  }

  async read(buffer: Buffer, offset: number, length: number, position: number): Promise<number> {
    if (position < this.#keptFrom) this.#restart();
    while (this.#end === null && this.#keptFrom + this.#kept.length < position + length) {
      await this.#unpack(position);
    }
    const from = position - this.#keptFrom;
    return from >= this.#kept.length ? 0 : this.#kept.copy(buffer, offset, from, from + length);
  }

  readNow(): number {
    throw new LogFileError('unreadable', this.#path);
  }

  async close(): Promise<void> {
    this.#kept = Buffer.alloc(0);
    await this.#parts?.return?.();
    await this.#handle.close();
  }

  #restart(): void {
    void this.#parts?.return?.();
    this.#parts = null;
    this.#kept = Buffer.alloc(0);
    this.#keptFrom = 0;
    this.#end = null;
  }

  /** Unpacks a little more. @param position before which only a little has to be kept */
  async #unpack(position: number): Promise<void> {
    this.#parts ??= this.#open();
    try {
      const part = await this.#parts.next();
      if (part.done === true) {
        this.#end = this.#keptFrom + this.#kept.length;
        return;
      }
      this.#kept = Buffer.concat([this.#kept, part.value]);
      const spare = Math.min(this.#kept.length, position - this.#keptFrom) - MAX_KEPT_BYTES;
      if (spare > 0) {
        this.#kept = this.#kept.subarray(spare);
        this.#keptFrom += spare;
      }
      if (this.#keptFrom + this.#kept.length > MAX_UNPACKED_BYTES)
        throw new RangeError('too large');
    } catch (error) {
      this.#end = this.#keptFrom + this.#kept.length;
      throw new LogFileError('unreadable', this.#path, { cause: error });
    }
  }

  #open(): AsyncIterator<Buffer> {
    const packed = Readable.from(piecesOf(this.#handle));
    const gunzip = createGunzip();
    packed.once('error', (error) => gunzip.destroy(error));
    gunzip.once('close', () => packed.destroy());
    return (packed.pipe(gunzip) as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  }
}

async function* piecesOf(handle: FileHandle): AsyncGenerator<Buffer> {
  for (let position = 0; ;) {
    const buffer = Buffer.allocUnsafe(PIECE_BYTES);
    const { bytesRead } = await handle.read(buffer, 0, PIECE_BYTES, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
