import { isNilMap } from './alertmanager-data.ts';
import { formatFloat } from './format-float.ts';
import { GoDuration, GoTime } from './go-time.ts';
import { GoMap, GoMarked, GoSlice, type GoValue } from './go-value.ts';

/** A value as Go's `encoding/json` writes it, with `<`, `>`, `&` and the line separators escaped. */
export function toGoJson(value: GoValue): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return quoteJson(value);
  if (typeof value === 'number') return jsonNumber(value);
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (value instanceof GoTime)
    return quoteJson(value.format('2006-01-02T15:04:05.999999999Z07:00'));
  if (value instanceof GoDuration) return value.nanoseconds.toString();
  if (value instanceof GoMarked) return quoteJson(value.text);
  if (value instanceof GoSlice) return `[${value.items.map(toGoJson).join(',')}]`;
  if (value instanceof GoMap) {
    if (isNilMap(value)) return 'null';
    const members = value.sortedKeys.map(
      (key) => `${quoteJson(key)}:${toGoJson(value.entries.get(key)!)}`,
    );
    return `{${members.join(',')}}`;
  }
  const members = value.fields
    .filter(({ json }) => json !== null)
    .map(({ json, value: member }) => `${quoteJson(json!)}:${toGoJson(member)}`);
  return `{${members.join(',')}}`;
}

function quoteJson(text: string): string {
  return JSON.stringify(text.toWellFormed()).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function jsonNumber(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-6 || magnitude >= 1e21)) {
    // JSON has e-9 where Go's formatter says e-09.
    return formatFloat(value, 'e', -1).replace(/e-0(\d)$/, 'e-$1');
  }
  return formatFloat(value, 'f', -1);
}
