import { type BlockPart, type ByteReader, ByteWriter, framed, openFrame } from '#libs/block-files';

/*
 * A block file: the samples of many series in one stretch of time, written once, read in parts.
 *
 *   magic            8 bytes
 *   groups           of 64 series each, in the order of their labels: first the chunks of each series in turn, each a
 *                    CRC-32 (4 bytes, little endian) and the chunk's bytes, then a page that says whose they are
 *   postings         for each name and value, in order: which series have it, as differences of ascending numbers
 *   value pages      of each name in turn: 512 values each, in byte order, with where their postings lie
 *   contents         what is needed to find the above; the only part that is kept in memory
 *   footer           offset and length of the contents, their CRC-32, magic: 24 bytes
 *
 * Pages, postings and contents are framed: CRC-32 of the rest, then the rest. A page of series holds each of its texts
 * once. All numbers are below 2^53.
 */

export const BLOCK_MAGIC = Buffer.from('BNBLOCK1', 'latin1');
export const SERIES_PER_PAGE = 64;
export const VALUES_PER_PAGE = 512;
/** How the samples of a chunk are written: floats as `xor-chunk.ts` says. */
export const ENCODING_XOR_FLOATS = 1;
/** Native histograms as `histogram-codec.ts` says. */
export const ENCODING_HISTOGRAMS = 2;
/** Start times as `chunk-starts.ts` says, then floats. */
export const ENCODING_STARTS_AND_FLOATS = 3;
/** Start times as `chunk-starts.ts` says, then native histograms. */
export const ENCODING_STARTS_AND_HISTOGRAMS = 4;

/** A page of the values of one label. */
export interface ValuePage extends BlockPart {
  readonly firstValue: string;
}

/** What a block holds and where; kept in memory while the block is open. */
export interface BlockContents {
  /** 0 for a block cut from the head; one more than the highest of its sources for one made by compaction. */
  readonly level: number;
  /** Time of the oldest sample. */
  readonly minMs: number;
  /** Time of the youngest sample. */
  readonly maxMs: number;
  readonly seriesCount: number;
  readonly chunkCount: number;
  readonly sampleCount: number;
  /** The blocks this one replaces. */
  readonly sources: readonly string[];
  readonly seriesPages: readonly BlockPart[];
  readonly values: ReadonlyMap<string, readonly ValuePage[]>;
}

/** A block as its operator sees it. */
export interface BlockSummary {
  readonly name: string;
  readonly bytes: number;
  readonly contents: BlockContents;
}

export function writeContents(contents: BlockContents): Buffer {
  const writer = new ByteWriter();
  writer.varint(contents.level);
  writer.signed(contents.minMs);
  writer.signed(contents.maxMs);
  writer.varint(contents.seriesCount);
  writer.varint(contents.chunkCount);
  writer.varint(contents.sampleCount);
  writer.varint(contents.sources.length);
  for (const source of contents.sources) writer.text(source);
  writer.varint(contents.seriesPages.length);
  for (const part of contents.seriesPages) writePart(writer, part);
  writer.varint(contents.values.size);
  for (const [name, pages] of contents.values) {
    writer.text(name);
    writer.varint(pages.length);
    for (const page of pages) {
      writePart(writer, page);
      writer.text(page.firstValue);
    }
  }
  return framed(writer.view());
}

/** @throws BlockError */
export function readContents(part: Buffer): BlockContents {
  const reader = openFrame(part);
  const level = reader.varint();
  const minMs = reader.signed();
  const maxMs = reader.signed();
  const seriesCount = reader.varint();
  const chunkCount = reader.varint();
  const sampleCount = reader.varint();
  const sources = Array.from({ length: reader.count() }, () => reader.text());
  const seriesPages = Array.from({ length: reader.count() }, () => readPart(reader));
  const values = new Map<string, ValuePage[]>();
  for (let left = reader.count(); left > 0; left--) {
    const name = reader.text();
    const pages = Array.from({ length: reader.count() }, () => ({
      ...readPart(reader),
      firstValue: reader.text(),
    }));
    values.set(name, pages);
  }
  return {
    level,
    minMs,
    maxMs,
    seriesCount,
    chunkCount,
    sampleCount,
    sources,
    seriesPages,
    values,
  };
}

function writePart(writer: ByteWriter, part: BlockPart): void {
  writer.varint(part.offset);
  writer.varint(part.length);
}

function readPart(reader: ByteReader): BlockPart {
  return { offset: reader.varint(), length: reader.varint() };
}
