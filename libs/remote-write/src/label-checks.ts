import { isUtf8 } from 'node:buffer';
import {
  DuplicateLabelError,
  isValidUtf8Name,
  Labels,
  METRIC_NAME,
  quoteLabelValue,
} from '#libs/labels';
import type { ReadLabels } from './label-set-cache.ts';

const MAX_SHOWN = 200;

/** Far above any store's limit; here only so that two bytes of a request cannot order an array entry each. */
export const MAX_LABELS = 1_024;
/** What a series with more labels is refused with. */
export const TOO_MANY_LABELS = `a series has more than ${MAX_LABELS} labels`;

/** Marks a string that was not UTF-8; it is never part of a label set. */
const NOT_UTF8 = '\ud800';

/** The bytes as text, or {@link NOT_UTF8}. */
export function decodeUtf8(bytes: Buffer, start: number, end: number): string {
  for (let i = start; i < end; i++) {
    if (bytes[i]! >= 0x80) {
      return isUtf8(bytes.subarray(start, end)) ? bytes.toString('utf8', start, end) : NOT_UTF8;
    }
  }
  return bytes.toString('latin1', start, end);
}

/** Labels that need no metric name, such as those of an exemplar; or the reason why they cannot be kept. */
export function checkedPairs(flat: readonly string[]): ReadLabels {
  const pairs: [string, string][] = [];
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i]!;
    const value = flat[i + 1]!;
    if (!isValidUtf8Name(name) || !value.isWellFormed()) {
      return `invalid metric name or labels: ${shownPairs(flat)}`;
    }
    pairs.push([name, value]);
  }
  try {
    return Labels.fromPairs(pairs);
  } catch (error) {
    if (!(error instanceof DuplicateLabelError)) throw error;
    return `${error.message} in ${shownPairs(flat)}`;
  }
}

/**
 * Names and values in turn, in any order, as a label set; or, where Prometheus's receiver would refuse them too (no
 * metric name, an empty or malformed name, one given twice), the reason.
 */
export function checkedLabels(flat: readonly string[]): ReadLabels {
  const labels = checkedPairs(flat);
  if (typeof labels === 'string' || labels.has(METRIC_NAME)) return labels;
  return `no metric name in ${shownPairs(flat)}`;
}

function shownPairs(flat: readonly string[]): string {
  let text = '';
  for (let i = 0; i < flat.length && text.length < MAX_SHOWN; i += 2) {
    text += `${i === 0 ? '' : ', '}${quoteLabelValue(flat[i]!.slice(0, MAX_SHOWN).toWellFormed())}`;
    text += `=${quoteLabelValue(flat[i + 1]!.slice(0, MAX_SHOWN).toWellFormed())}`;
  }
  return `{${text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text}}`;
}
