import { crc32 } from 'node:zlib';
import { type BlockSink, writeFooter } from '#libs/block-files';
import type { ChunkSpan } from './chunk-ref.ts';
import { type BlockChunkEntry, LOG_BLOCK_MAGIC, writeLogContents } from './log-block-format.ts';
import type { PackedChunk } from './sealed-chunk.ts';

/** Writes a block: chunk after chunk, those of a stream together, then {@link finish}. */
export class LogBlockWriter {
  readonly #sink: BlockSink;
  readonly #streams: Buffer[] = [];
  readonly #entries: BlockChunkEntry[] = [];
  readonly #filters: Buffer[] = [];
  #streamId = -1;
  #offset = 0;

  constructor(sink: BlockSink) {
    this.#sink = sink;
  }

  /** @param encoded the labels of the stream */
  async add(
    streamId: number,
    encoded: Buffer,
    { minLow, minHigh, maxLow, maxHigh, count, byteLength }: ChunkSpan,
    { bytes, filter, checksum }: PackedChunk,
  ): Promise<void> {
    if (this.#offset === 0) await this.#append(LOG_BLOCK_MAGIC);
    if (streamId !== this.#streamId) {
      this.#streamId = streamId;
      this.#streams.push(encoded);
    }
    this.#filters.push(filter);
    this.#entries.push({
      stream: this.#streams.length - 1,
      minLow,
      minHigh,
      maxLow,
      maxHigh,
      count,
      byteLength,
      offset: this.#offset,
      length: bytes.length,
      checksum,
      filterLength: filter.length,
    });
    await this.#append(bytes);
  }

  /** Writes the rest; when this resolves, the block survives a power cut. */
  async finish(firstSegment: number, replaces: readonly number[]): Promise<void> {
    const filtersOffset = this.#offset;
    const filters = Buffer.concat(this.#filters);
    await this.#append(filters);
    const contents = writeLogContents(
      {
        firstSegment,
        replaces,
        chunks: this.#entries,
        filtersOffset,
        filtersChecksum: crc32(filters),
      },
      this.#streams,
    );
    const part = { offset: this.#offset, length: contents.length };
    await this.#append(contents);
    await this.#append(writeFooter(part, LOG_BLOCK_MAGIC));
    await this.#sink.commit();
  }

  async #append(bytes: Buffer): Promise<void> {
    await this.#sink.append(bytes);
    this.#offset += bytes.length;
  }
}
