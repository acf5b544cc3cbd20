import type { ByteReader, ByteWriter } from '#libs/block-files';

/*
 * The start times of a chunk's samples, before the samples themselves: how many runs of one start time there are, then for each
 * the number of its samples and the start time (difference to the one before). Most chunks are one run.
 */

/** Writes the start times of the `count` samples of a chunk. */
export function writeChunkStarts(
  writer: ByteWriter,
  count: number,
  startOf: (sample: number) => number,
): void {
  const lengths: number[] = [];
  const values: number[] = [];
  for (let i = 0; i < count; i++) {
    if (i > 0 && startOf(i) === values.at(-1)) {
      lengths[lengths.length - 1]!++;
    } else {
      lengths.push(1);
      values.push(startOf(i));
    }
  }
  writer.varint(lengths.length);
  let before = 0;
  for (const [i, value] of values.entries()) {
    writer.varint(lengths[i]!);
    writer.signed(value - before);
    before = value;
  }
}

/** Tells the start time of each of a chunk's samples; the reader is at the samples then. @throws BlockError */
export function readChunkStarts(
  reader: ByteReader,
  count: number,
  onStart: (sample: number, startMs: number) => void,
): void {
  let sample = 0;
  let startMs = 0;
  for (let left = reader.count(); left > 0; left--) {
    const length = reader.varint();
    startMs += reader.signed();
    for (const end = Math.min(count, sample + length); sample < end; sample++) {
      onStart(sample, startMs);
    }
  }
}
