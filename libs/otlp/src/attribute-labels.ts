import { compareUtf8, Labels } from '#libs/labels';
import { labelNameOf } from './metric-name.ts';
import type { AnyValue, Attribute } from './metrics-request.ts';

/** An attribute's value as text: collections as JSON, bytes in base64. */
export function attributeText(value: AnyValue | undefined): string {
  const plain = plainValue(value);
  return typeof plain === 'string' ? plain : plain === null ? '' : JSON.stringify(plain);
}

/** An attribute's value as JSON has it; integers that it cannot hold are text. */
export function plainValue(value: AnyValue | undefined): unknown {
  if (value === undefined) return null;
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.intValue !== undefined) {
    const number = Number(value.intValue);
    return Number.isSafeInteger(number) ? number : String(value.intValue);
  }
  if (value.doubleValue !== undefined) {
    return Number.isFinite(value.doubleValue) ? value.doubleValue : goInfinity(value.doubleValue);
  }
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(plainValue);
  if (value.kvlistValue !== undefined) {
    const entries = (value.kvlistValue.values ?? []).map((item): [string, unknown] => [
      item.key ?? '',
      plainValue(item.value),
    ]);
    return Object.fromEntries(entries);
  }
  return value.bytesValue ?? null;
}

function goInfinity(value: number): string {
  if (value !== value) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}

/** Up to so many attributes are sorted by insertion: most senders sort them, or nearly. */
const MAX_INSERTED = 64;

/**
 * Attributes as labels. Where two keys become one name, their values are joined by `;` in the order of the keys.
 * @param nameOf gives a key's label name, as {@link labelNameOf} does
 */
export function labelsOf(
  attributes: readonly Attribute[],
  nameOf: (key: string) => string = labelNameOf,
): Labels {
  if (attributes.length > MAX_INSERTED) return joinedLabelsOf(attributes, nameOf);
  const names: string[] = [];
  const texts: string[] = [];
  for (const { key = '', value } of attributes) {
    if (key === '') continue;
    const name = nameOf(key);
    let at = names.length;
    // Label names are ASCII here, so that this is byte order.
    while (at > 0 && names[at - 1]! > name) at--;
    if (at > 0 && names[at - 1] === name) return joinedLabelsOf(attributes, nameOf);
    names.splice(at, 0, name);
    texts.splice(at, 0, attributeText(value));
  }
  const flat: string[] = [];
  for (let i = 0; i < names.length; i++) {
    if (texts[i] !== '') flat.push(names[i]!, texts[i]!);
  }
  return Labels.fromSortedFlat(flat);
}

function joinedLabelsOf(attributes: readonly Attribute[], nameOf: (key: string) => string): Labels {
  // Of a key given twice the last one counts.
  const byKey = new Map(attributes.map(({ key, value }) => [key ?? '', attributeText(value)]));
  const sorted = [...byKey].toSorted((a, b) => compareUtf8(a[0], b[0]));
  const byName = new Map<string, string>();
  for (const [key, text] of sorted) {
    if (key === '') continue;
    const name = nameOf(key);
    const before = byName.get(name);
    byName.set(name, before === undefined ? text : `${before};${text}`);
  }
  return Labels.fromPairs(byName);
}
