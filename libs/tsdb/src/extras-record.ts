import { BlockError, type ByteReader, type ByteWriter } from '#libs/block-files';
import { Labels } from '#libs/labels';
import type { FamilyMetadata } from './batch-extras.ts';
import type { Exemplar } from './exemplar-ring.ts';

/*
 * Payloads of log records that hold what came beside samples; `log-record.ts` gives them their numbers.
 *
 *   exemplars  count, then for each: arrival (difference to the one before), time and value (8 bytes each), labels of the
 *              series, its own labels
 *   metadata   count, then for each family: its name, type, help, unit
 *
 * A text that is new to the record is a 0 and the text, any other one 1 + its number among the record's texts. Exemplars
 * name their series in full, so that each record can be read without any other.
 */

/** An exemplar as the log has it. */
export interface LoggedExemplar {
  readonly arrival: number;
  readonly series: Labels;
  readonly exemplar: Exemplar;
}

const MAX_LABELS = 10_000;

/** Writes a record of exemplars. */
export function writeExemplars(writer: ByteWriter, exemplars: readonly LoggedExemplar[]): void {
  const texts = new Map<string, number>();
  let previousArrival = 0;
  writer.varint(exemplars.length);
  for (const { arrival, series, exemplar } of exemplars) {
    writer.signed(arrival - previousArrival);
    writer.double(exemplar.timeMs);
    writer.double(exemplar.value);
    writeLabels(writer, series, texts);
    writeLabels(writer, exemplar.labels, texts);
    previousArrival = arrival;
  }
}

/** @throws BlockError for bytes that are no such record; what comes before has been told */
export function readExemplars(
  reader: ByteReader,
  onExemplar: (exemplar: LoggedExemplar) => void,
): void {
  const texts: string[] = [];
  let arrival = 0;
  for (let left = reader.count(); left > 0; left--) {
    arrival += reader.signed();
    const timeMs = reader.double();
    const value = reader.double();
    const series = readLabels(reader, texts);
    const labels = readLabels(reader, texts);
    onExemplar({ arrival, series, exemplar: { labels, value, timeMs } });
  }
}

/** Writes a record of metadata. */
export function writeMetadata(writer: ByteWriter, metadata: readonly FamilyMetadata[]): void {
  const texts = new Map<string, number>();
  writer.varint(metadata.length);
  for (const { family, type, help, unit } of metadata) {
    for (const text of [family, type, help, unit]) writeText(writer, text, texts);
  }
}

/** @throws BlockError for bytes that are no such record; what comes before has been told */
export function readMetadata(
  reader: ByteReader,
  onMetadata: (metadata: FamilyMetadata) => void,
): void {
  const texts: string[] = [];
  for (let left = reader.count(); left > 0; left--) {
    const family = readText(reader, texts);
    const type = readText(reader, texts);
    const help = readText(reader, texts);
    onMetadata({ family, type, help, unit: readText(reader, texts) });
  }
}

function writeLabels(writer: ByteWriter, labels: Labels, texts: Map<string, number>): void {
  writer.varint(labels.size);
  for (const text of labels.flat) writeText(writer, text, texts);
}

function readLabels(reader: ByteReader, texts: string[]): Labels {
  const count = reader.count();
  if (count > MAX_LABELS) throw new BlockError('too many labels');
  const flat: string[] = [];
  for (let left = 2 * count; left > 0; left--) flat.push(readText(reader, texts));
  return Labels.fromSortedFlat(flat);
}

function writeText(writer: ByteWriter, text: string, texts: Map<string, number>): void {
  const known = texts.get(text);
  if (known !== undefined) {
    writer.varint(known + 1);
    return;
  }
  texts.set(text, texts.size);
  writer.varint(0);
  writer.text(text);
}

function readText(reader: ByteReader, texts: string[]): string {
  const reference = reader.varint();
  if (reference > texts.length) throw new BlockError('reference to a text that is not there');
  if (reference > 0) return texts[reference - 1]!;
  const text = reader.text();
  texts.push(text);
  return text;
}
