import { crc32, constants, zstdCompress, zstdCompressSync, zstdDecompress } from 'node:zlib';
import { promisify } from 'node:util';
import { decodeChunk, encodeChunk } from './chunk-codec.ts';
import type { ChunkRef } from './chunk-ref.ts';
import type { DecodedChunk } from './decoded-chunk.ts';
import { mayContain, type NeedleFilterBuilder } from './needle-filter.ts';
import type { OpenChunk } from './open-chunk.ts';
import { releaseBytes } from './release-bytes.ts';

/** Level 1 takes a quarter of the time of level 3 for some per cent more bytes. */
const ZSTD_PARAMS = { [constants.ZSTD_c_compressionLevel]: 1 };
/** What is compressed comes in pieces of so much; in smaller ones, half of the time goes into handing them over. */
const MOST_COMPRESSED_PIECE = 256 * 1_024;
const LEAST_COMPRESSED_PIECE = 1_024;
/** What a chunk of some compressed size most likely comes to. */
const USUAL_RATIO = 8;
const LEAST_PIECE = 16 * 1_024;
const MOST_PIECE = 1_536 * 1_024;
/** Below, handing over to another thread costs more than compressing. */
const SMALL_BYTES = 8 * 1_024;
/** No chunk is larger before it was compressed; what says so is damaged. */
const MAX_CHUNK_BYTES = 8 * 1_024 * 1_024;

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** A chunk as it goes to a block. */
export interface PackedChunk {
  readonly bytes: Buffer;
  readonly filter: Buffer;
  readonly checksum: number;
}

/** Lines of one stream that no other comes to: at first as they are, then compressed. */
export class SealedChunk implements ChunkRef {
  readonly streamId: number;
  readonly minLow: number;
  readonly minHigh: number;
  readonly maxLow: number;
  readonly maxHigh: number;
  readonly count: number;
  readonly byteLength: number;
  #open: OpenChunk | null;
  #packed: PackedChunk | null = null;
  #packing: Promise<PackedChunk> | null = null;

  readonly #onResized: (bytes: number) => void;

  /** @param onResized is told how much more memory it takes, once it has been compressed */
  constructor(streamId: number, open: OpenChunk, onResized: (bytes: number) => void = () => {}) {
    this.#onResized = onResized;
    this.streamId = streamId;
    this.minLow = open.minLow;
    this.minHigh = open.minHigh;
    this.maxLow = open.maxLow;
    this.maxHigh = open.maxHigh;
    this.count = open.count;
    this.byteLength = open.byteLength;
    this.#open = open;
  }

  /** What it takes in memory, about. */
  get memoryBytes(): number {
    if (this.#open !== null) return this.#open.memoryBytes;
    return this.#packed!.bytes.length + this.#packed!.filter.length;
  }

  /** Compresses it, once. */
  pack(filters: NeedleFilterBuilder): Promise<PackedChunk> {
    if (this.#packed !== null) return Promise.resolve(this.#packed);
    this.#packing ??= this.#pack(this.#open!, filters).finally(() => {
      this.#packing = null;
    });
    return this.#packing;
  }

  mayContain(needles: readonly Buffer[]): boolean {
    if (this.#packed === null) return hasAll(this.#open!.inOrder(0, this.count).bytes, needles);
    const { filter } = this.#packed;
    return needles.every((needle) => mayContain(filter, needle));
  }

  load(): Promise<DecodedChunk> {
    const open = this.#open;
    return open === null ? unpackChunk(this.#packed!.bytes) : Promise.resolve(open.decoded());
  }

  async #pack(open: OpenChunk, filters: NeedleFilterBuilder): Promise<PackedChunk> {
    const chunk = open.beforeFree();
    const filter = filters.build(chunk.bytes);
    const raw = encodeChunk(chunk);
    const chunkSize = Math.max(LEAST_COMPRESSED_PIECE, Math.min(MOST_COMPRESSED_PIECE, raw.length));
    const options = { params: ZSTD_PARAMS, chunkSize };
    const bytes = alone(
      raw.length < SMALL_BYTES ? zstdCompressSync(raw, options) : await compress(raw, options),
    );
    releaseBytes(raw);
    const before = this.memoryBytes;
    this.#packed = { bytes, filter, checksum: crc32(bytes) };
    this.#open = null;
    open.free();
    this.#onResized(this.memoryBytes - before);
    return this.#packed;
  }
}

/** The bytes without the rest of the piece that they came in, which thousands of small chunks would keep. */
function alone(bytes: Buffer): Buffer {
  if (bytes.buffer.byteLength < 2 * bytes.length) return bytes;
  const copy = Buffer.from(bytes);
  releaseBytes(bytes);
  return copy;
}

/** @throws when the bytes are no packed chunk */
export async function unpackChunk(bytes: Buffer): Promise<DecodedChunk> {
  const chunkSize = Math.min(MOST_PIECE, Math.max(LEAST_PIECE, USUAL_RATIO * bytes.length));
  return decodeChunk(await decompress(bytes, { maxOutputLength: MAX_CHUNK_BYTES, chunkSize }));
}

/** Whether all texts occur somewhere in the bytes. */
export function hasAll(bytes: Buffer, needles: readonly Buffer[]): boolean {
  return needles.every((needle) => bytes.includes(needle));
}
