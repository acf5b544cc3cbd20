import { LinearSearch, MAX_PATTERN_LENGTH, RegExpSyntaxError } from '#libs/labels';
import type { FieldParser } from './field-parsers.ts';
import { GROK_PATTERNS } from './grok-patterns.ts';
import { isJsonNumber } from './json-text.ts';
import type { RecordBatch } from './record-batch.ts';
import { MAX_FIELDS, NUMBER_FIELD, type RecordFields, TEXT_FIELD } from './record-fields.ts';

/**
 * How much of a message a pattern sees: the linear machine takes about half a microsecond a byte, and nothing else runs
 * meanwhile. What is longer is not taken apart.
 */
export const MAX_MATCHED_BYTES = 32 * 1024;
const MAX_GROK_DEPTH = 20;

/** A pattern, and the fields its groups stand for. */
interface FieldPattern {
  readonly pattern: string;
  /** Names of fields by the name of their group. */
  readonly fields: ReadonlyMap<string, string>;
  /** Fields whose text stays text, and fields that become numbers where they look like one. */
  readonly isNumber: (field: string) => boolean;
}

/**
 * Makes fields of the groups `(?<name>…)` of a pattern that is searched for in the message; a group that takes no part
 * makes none.
 * @param numbers names of fields that become numbers where they are written like one
 * @throws RegExpSyntaxError
 */
export function regexFieldParser(pattern: string, numbers: readonly string[]): FieldParser {
  const search = new LinearSearch(pattern);
  const names = [...search.groupNames().keys()];
  if (names.length === 0) {
    throw new RegExpSyntaxError(
      pattern,
      'no group has a name; accepted are groups such as (?<code>[0-9]+)',
    );
  }
  const fields = new Map(names.map((name) => [name, name]));
  return parserOf(search, { pattern, fields, isNumber: (field) => numbers.includes(field) });
}

/**
 * As {@link regexFieldParser}, for patterns with `%{NAME}`, `%{NAME:field}` and `%{NAME:field:type}`; types are `int`,
 * `float`, `number` and `text`.
 * @param own patterns by name, beside the built-in ones and before them
 * @throws RegExpSyntaxError
 */
export function grokFieldParser(
  pattern: string,
  own: Readonly<Record<string, string>>,
  numbers: readonly string[],
): FieldParser {
  const expanded = expandGrok(pattern, own);
  const search = new LinearSearch(expanded.pattern);
  for (const name of search.groupNames().keys()) {
    if (!expanded.fields.has(name)) expanded.fields.set(name, name);
  }
  if (expanded.fields.size === 0) {
    throw new RegExpSyntaxError(
      pattern,
      'no part has a field; accepted are parts such as %{INT:code}',
    );
  }
  return parserOf(search, {
    ...expanded,
    isNumber: (field) => expanded.numbers.has(field) || numbers.includes(field),
  });
}

interface ExpandedGrok {
  readonly pattern: string;
  readonly fields: Map<string, string>;
  readonly numbers: ReadonlySet<string>;
}

/** Built-in patterns whose fields are numbers unless they say otherwise. */
const NUMERIC: ReadonlySet<string> = new Set(['INT', 'POSINT', 'NONNEGINT', 'NUMBER']);
const TYPES: ReadonlySet<string> = new Set(['int', 'float', 'number', 'text']);
const REFERENCE = /%\{([A-Za-z0-9_]+)(?::([^:}\s]{1,128}))?(?::([a-z]+))?\}/g;

function expandGrok(pattern: string, own: Readonly<Record<string, string>>): ExpandedGrok {
  const fields = new Map<string, string>();
  const numbers = new Set<string>();
  const expand = (text: string, depth: number): string => {
    if (depth > MAX_GROK_DEPTH) {
      throw new RegExpSyntaxError(
        pattern,
        `patterns name each other more than ${MAX_GROK_DEPTH} deep`,
      );
    }
    const written = text.replaceAll(
      REFERENCE,
      (whole, name: string, field: string | undefined, type: string | undefined) => {
        const known = Object.hasOwn(own, name) ? own[name] : GROK_PATTERNS[name];
        if (
          known === undefined ||
          (!Object.hasOwn(own, name) && !Object.hasOwn(GROK_PATTERNS, name))
        ) {
          throw new RegExpSyntaxError(
            pattern,
            `${whole}: no pattern is called ${name}; known are ${[...Object.keys(own), ...Object.keys(GROK_PATTERNS)].join(' ')}`,
          );
        }
        if (type !== undefined && !TYPES.has(type)) {
          throw new RegExpSyntaxError(
            pattern,
            `${whole}: accepted types are ${[...TYPES].join(', ')}`,
          );
        }
        const inner = expand(known, depth + 1);
        if (field === undefined) return `(?:${inner})`;
        const group = `field${fields.size}`;
        fields.set(group, field);
        if (type === undefined ? NUMERIC.has(name) : type !== 'text') numbers.add(field);
        return `(?P<${group}>${inner})`;
      },
    );
    if (written.length > MAX_PATTERN_LENGTH) {
      throw new RegExpSyntaxError(
        pattern.slice(0, 64),
        `written out it has more than ${MAX_PATTERN_LENGTH} characters`,
      );
    }
    return written;
  };
  const written = expand(pattern, 0);
  return { pattern: written, fields, numbers };
}

function parserOf(search: LinearSearch, { pattern, fields, isNumber }: FieldPattern): FieldParser {
  if (fields.size > MAX_FIELDS) {
    throw new RegExpSyntaxError(pattern.slice(0, 64), `more than ${MAX_FIELDS} groups have names`);
  }
  const groups = search.groupNames();
  const columns = [...fields].map(([group, field]) => ({
    bound: groups.get(group)! * 2,
    name: Buffer.from(field),
    isNumber: isNumber(field),
  }));
  const bounds = new Int32Array(search.boundCount);
  return (records: RecordBatch, target: RecordFields, row: number): boolean => {
    const start = records.starts[row]!;
    const end = records.ends[row]!;
    if (end - start > MAX_MATCHED_BYTES) return false;
    const isExtra = records.isExtra[row]!;
    const message = records.bytesOf(row).subarray(start, end);
    if (!search.capture(message, bounds)) return false;
    for (const { bound, name, isNumber: mayBeNumber } of columns) {
      const from = bounds[bound]!;
      if (from < 0) continue;
      const to = bounds[bound + 1]!;
      const index = target.add(row);
      const nameStart = records.addExtra(name, 0, name.length);
      target.nameStarts[index] = nameStart;
      target.nameEnds[index] = nameStart + name.length;
      target.isNameExtra[index] = 1;
      target.valueStarts[index] = start + from;
      target.valueEnds[index] = start + to;
      target.isValueExtra[index] = isExtra;
      target.kinds[index] =
        mayBeNumber && isJsonNumber(message, from, to) ? NUMBER_FIELD : TEXT_FIELD;
    }
    return true;
  };
}
