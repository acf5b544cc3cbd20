import type { ByteReader, ByteWriter } from '#libs/block-files';
import type { StartChanges } from './start-times.ts';

/*
 * Payload of a log record of start times: count, then for each: id of the series, the time of the sample it begins to hold
 * for, and the start time itself, each as its difference from the one before.
 */

/** Writes the changes from `start` up to `end`. */
export function writeStarts(
  writer: ByteWriter,
  idOf: (row: number) => number,
  { rows, fromMs, startsMs }: StartChanges,
  start: number,
  end: number,
): void {
  writer.varint(end - start);
  let [id, from, value] = [0, 0, 0];
  for (let i = start; i < end; i++) {
    writer.signed(idOf(rows[i]!) - id);
    writer.signed(fromMs[i]! - from);
    writer.signed(startsMs[i]! - value);
    id = idOf(rows[i]!);
    from = fromMs[i]!;
    value = startsMs[i]!;
  }
}

/** @throws BlockError for bytes that are no such record; what comes before has been told */
export function readStarts(
  reader: ByteReader,
  onStart: (id: number, fromMs: number, startMs: number) => void,
): void {
  let [id, from, value] = [0, 0, 0];
  for (let left = reader.count(); left > 0; left--) {
    id += reader.signed();
    from += reader.signed();
    value += reader.signed();
    onStart(id, from, value);
  }
}
