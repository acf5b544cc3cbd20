import { JsonCursor } from './json-cursor.ts';
import { isJsonNumber, unescapeJson } from './json-text.ts';
import type { RecordBatch } from './record-batch.ts';
import {
  JSON_FIELD,
  MAX_FIELD_NAME_BYTES,
  NUMBER_FIELD,
  type RecordFields,
  TEXT_FIELD,
} from './record-fields.ts';

/** Finds the fields in the message of a row and adds them to it. @returns false when the message is not of its format */
export type FieldParser = (records: RecordBatch, fields: RecordFields, row: number) => boolean;

const cursor = new JsonCursor();

/** The members of a JSON object; objects and arrays inside stay whole. Of a name that comes twice the last counts. */
export function parseJsonFields(records: RecordBatch, fields: RecordFields, row: number): boolean {
  const bytes = records.bytesOf(row);
  if (!cursor.open(bytes, records.starts[row]!, records.ends[row]!)) return false;
  while (cursor.next()) {
    const index = fields.add(row);
    if (index < 0 || cursor.keyEnd - cursor.keyStart > MAX_FIELD_NAME_BYTES) return false;
    if (!placeText(records, row, cursor.keyStart, cursor.keyEnd, cursor.keyHasEscapes))
      return false;
    fields.nameStarts[index] = placedStart;
    fields.nameEnds[index] = placedEnd;
    fields.isNameExtra[index] = placedIsExtra;
    if (!readJsonValue(records, fields, row, index)) return false;
    dropEarlierOfSameName(records, fields, row, index);
  }
  return cursor.isComplete;
}

function readJsonValue(
  records: RecordBatch,
  fields: RecordFields,
  row: number,
  index: number,
): boolean {
  const { valueStart, valueEnd, valueKind } = cursor;
  const bytes = records.bytesOf(row);
  if (valueKind === 'string') {
    if (!placeText(records, row, valueStart, valueEnd, cursor.hasEscapes)) return false;
    fields.kinds[index] = TEXT_FIELD;
  } else {
    placedStart = valueStart;
    placedEnd = valueEnd;
    placedIsExtra = records.isExtra[row]!;
    if (valueKind !== 'other') fields.kinds[index] = JSON_FIELD;
    else if (isJsonNumber(bytes, valueStart, valueEnd)) fields.kinds[index] = NUMBER_FIELD;
    else if (isJsonWord(bytes, valueStart, valueEnd)) fields.kinds[index] = JSON_FIELD;
    else return false;
  }
  fields.valueStarts[index] = placedStart;
  fields.valueEnds[index] = placedEnd;
  fields.isValueExtra[index] = placedIsExtra;
  return true;
}

/** Where {@link placeText} has put it. */
let placedStart = 0;
let placedEnd = 0;
let placedIsExtra = 0;

/** A slice of a row's bytes, or what it stands for when it has escapes. */
function placeText(
  records: RecordBatch,
  row: number,
  start: number,
  end: number,
  hasEscapes: boolean,
): boolean {
  placedStart = start;
  placedEnd = end;
  placedIsExtra = records.isExtra[row]!;
  if (!hasEscapes) return true;
  const at = records.reserveExtra(end - start);
  // Making room may have moved the bytes.
  const stop = unescapeJson(records.bytesOf(row), start, end, records.extra, at);
  if (stop < 0) return false;
  records.keepExtra(stop);
  placedStart = at;
  placedEnd = stop;
  placedIsExtra = 1;
  return true;
}

function isJsonWord(bytes: Uint8Array, start: number, end: number): boolean {
  const word = end - start > 5 ? '' : String.fromCharCode(...bytes.subarray(start, end));
  return word === 'true' || word === 'false' || word === 'null';
}

function dropEarlierOfSameName(
  records: RecordBatch,
  fields: RecordFields,
  row: number,
  index: number,
): void {
  const start = fields.nameStarts[index]!;
  const length = fields.nameEnds[index]! - start;
  const name = fields.isNameExtra[index] === 1 ? records.extra : records.lines;
  for (let other = fields.first[row]!; other < index; other++) {
    const otherStart = fields.nameStarts[other]!;
    if (fields.nameEnds[other]! - otherStart !== length) continue;
    const otherName = fields.isNameExtra[other] === 1 ? records.extra : records.lines;
    let at = 0;
    while (at < length && name[start + at] === otherName[otherStart + at]) at++;
    if (at < length) continue;
    fields.remove(row, other);
    return;
  }
}

/**
 * `key=value` and `key="value"` with blanks between; a key alone is true, as Go's logfmt has it. A message without a
 * single `=` is none, and neither is one with anything between that is no key.
 */
export function parseLogfmtFields(
  records: RecordBatch,
  fields: RecordFields,
  row: number,
): boolean {
  let at = records.starts[row]!;
  const end = records.ends[row]!;
  let hasPair = false;
  for (;;) {
    let bytes = records.bytesOf(row);
    while (at < end && bytes[at]! <= 32) at++;
    if (at >= end) return hasPair;
    const nameStart = at;
    while (at < end && isLogfmtKeyByte(bytes[at]!)) at++;
    if (at === nameStart || at - nameStart > MAX_FIELD_NAME_BYTES) return false;
    const index = fields.add(row);
    if (index < 0) return false;
    fields.nameStarts[index] = nameStart;
    fields.nameEnds[index] = at;
    fields.isNameExtra[index] = records.isExtra[row]!;
    fields.kinds[index] = TEXT_FIELD;
    if (at < end && bytes[at] === 61) {
      hasPair = true;
      at++;
      if (at < end && bytes[at] === 34) {
        const valueStart = at + 1;
        let hasEscapes = false;
        at = valueStart;
        while (at < end && bytes[at] !== 34) {
          if (bytes[at] === 92) {
            hasEscapes = true;
            at++;
          }
          at++;
        }
        if (at >= end || !placeText(records, row, valueStart, at, hasEscapes)) return false;
        at++;
      } else {
        const valueStart = at;
        while (at < end && bytes[at]! > 32) at++;
        placedStart = valueStart;
        placedEnd = at;
        placedIsExtra = records.isExtra[row]!;
        bytes = records.bytesOf(row);
        if (isJsonNumber(bytes, valueStart, at)) fields.kinds[index] = NUMBER_FIELD;
      }
    } else {
      if (at < end && bytes[at]! > 32) return false;
      placedStart = records.addExtra(TRUE, 0, TRUE.length);
      placedEnd = placedStart + TRUE.length;
      placedIsExtra = 1;
      fields.kinds[index] = JSON_FIELD;
    }
    fields.valueStarts[index] = placedStart;
    fields.valueEnds[index] = placedEnd;
    fields.isValueExtra[index] = placedIsExtra;
    dropEarlierOfSameName(records, fields, row, index);
  }
}

const TRUE = new TextEncoder().encode('true');

/** Anything but blanks, `=` and quotes. */
function isLogfmtKeyByte(code: number): boolean {
  return code > 32 && code !== 61 && code !== 34;
}
