/** What is compared: JSON without numbers, for that is all alerts are made of. */
export type DiffableJson =
  string | readonly DiffableJson[] | { readonly [key: string]: DiffableJson };

const ADDED = '\u001b[0;32m';
const REMOVED = '\u001b[0;31m';
const CHANGED = '\u001b[0;33m';
const END = '\u001b[0m';
const INDENT = '    ';

/**
 * Two values as one text, in the colours of a terminal: red is only in the first, green only in the second, yellow differs.
 * Keys are sorted.
 */
export function diffJson(before: DiffableJson, after: DiffableJson): string {
  return diffAt(before, after, '');
}

function diffAt(before: DiffableJson, after: DiffableJson, indent: string): string {
  if (Array.isArray(before) && Array.isArray(after)) {
    const items = Array.from({ length: Math.max(before.length, after.length) }, (_, i) =>
      diffMember('', before[i], after[i], indent + INDENT),
    );
    return enclose('[', items, ']', indent);
  }
  if (isObject(before) && isObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted();
    const members = keys.map((key) =>
      diffMember(`${JSON.stringify(key)}: `, before[key], after[key], indent + INDENT),
    );
    return enclose('{', members, '}', indent);
  }
  if (before === after) return write(before, indent);
  return colour(`${write(before, indent)} => ${write(after, indent)}`, CHANGED);
}

function diffMember(
  label: string,
  before: DiffableJson | undefined,
  after: DiffableJson | undefined,
  indent: string,
): string {
  if (before !== undefined && after !== undefined) return label + diffAt(before, after, indent);
  if (before !== undefined) return colour(label + write(before, indent), REMOVED);
  return colour(label + write(after ?? '', indent), ADDED);
}

function write(value: DiffableJson, indent: string): string {
  if (typeof value === 'string') return JSON.stringify(value);
  const inner = indent + INDENT;
  if (!isObject(value)) {
    const items = value.map((item) => write(item, inner));
    return enclose('[', items, ']', indent);
  }
  const members = Object.keys(value)
    .toSorted()
    .map((key) => `${JSON.stringify(key)}: ${write(value[key]!, inner)}`);
  return enclose('{', members, '}', indent);
}

function enclose(open: string, items: readonly string[], close: string, indent: string): string {
  if (items.length === 0) return open + close;
  const inner = indent + INDENT;
  return `${open}\n${items.map((item) => inner + item).join(',\n')}\n${indent}${close}`;
}

/** Each line by itself, its indentation left out. */
function colour(text: string, code: string): string {
  return text.replaceAll(/[^\n]+/g, (line) => {
    const start = line.length - line.trimStart().length;
    return `${line.slice(0, start)}${code}${line.slice(start)}${END}`;
  });
}

function isObject(value: DiffableJson): value is { readonly [key: string]: DiffableJson } {
  return typeof value === 'object' && !Array.isArray(value);
}
