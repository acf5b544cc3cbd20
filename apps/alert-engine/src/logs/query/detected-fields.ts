import { Labels } from '#libs/labels';
import { type LogEntry, LogFollower, parseLogql } from '#libs/logql';
import { sortedNames } from './loki-body.ts';

/** What a field's values look like. */
type FieldType = 'string' | 'int' | 'float' | 'boolean' | 'duration' | 'bytes';

export interface DetectedField {
  readonly label: string;
  readonly type: FieldType;
  /** How many different values the sampled lines have. */
  readonly cardinality: number;
  /** What takes the field out of a line; null for structured metadata. */
  readonly parsers: readonly ('json' | 'logfmt')[] | null;
  readonly values: ReadonlySet<string>;
}

const MAX_FIELDS = 1_000;
/** Stages that read a line of either form. */
const PARSERS = { json: '{a="b"} | json', logfmt: '{a="b"} | logfmt' } as const;

/** The fields of lines: their structured metadata, and what `json` or `logfmt` takes out of them. */
export function detectFields(entries: readonly LogEntry[]): readonly DetectedField[] {
  const found = new Map<string, { parser: 'json' | 'logfmt' | null; values: Set<string> }>();
  const add = (label: string, value: string, parser: 'json' | 'logfmt' | null): void => {
    let field = found.get(label);
    if (field === undefined) {
      if (found.size >= MAX_FIELDS) return;
      field = { parser, values: new Set() };
      found.set(label, field);
    }
    field.values.add(value);
  };
  const readers = { json: readerOf('json'), logfmt: readerOf('logfmt') };
  for (const { line, categories } of entries) {
    for (const [name, value] of categories.structuredMetadata) add(name, value, null);
    const parser = line.trimStart().startsWith('{') ? 'json' : 'logfmt';
    for (const [name, value] of readers[parser](line)) add(name, value, parser);
  }
  return sortedNames(found.keys()).map((label) => {
    const { parser, values } = found.get(label)!;
    return {
      label,
      type: typeOf(values),
      cardinality: values.size,
      parsers: parser === null ? null : [parser],
      values,
    };
  });
}

/** The values of one field, sorted. */
export function fieldValues(
  fields: readonly DetectedField[],
  name: string,
  limit: number,
): readonly string[] {
  const values = fields.find(({ label }) => label === name)?.values ?? [];
  return sortedNames(values).slice(0, limit);
}

function readerOf(parser: keyof typeof PARSERS): (line: string) => Labels {
  const expr = parseLogql(PARSERS[parser]);
  if (expr.kind !== 'log') return () => Labels.EMPTY;
  const follower = new LogFollower(expr, 0);
  return (line) => {
    const bytes = Buffer.from(line);
    let labels = Labels.EMPTY;
    follower.follow(
      {
        stream: { id: 0, labels: Labels.EMPTY },
        count: 1,
        timesNs: new BigInt64Array(1),
        bytes,
        starts: Uint32Array.of(0),
        ends: Uint32Array.of(bytes.length),
        metadataOf: () => null,
      },
      (entry) => {
        if (!entry.labels.has('__error__')) labels = entry.labels;
        return true;
      },
    );
    return labels;
  };
}

const TYPES: readonly (readonly [FieldType, RegExp])[] = [
  ['int', /^-?\d{1,18}$/],
  ['float', /^-?\d+\.\d+(?:e[+-]?\d+)?$/i],
  ['boolean', /^(?:true|false)$/],
  ['duration', /^-?(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/],
  ['bytes', /^\d+(?:\.\d+)? ?(?:[kmgtp]i?)?b$/i],
];

/** The type that fits all of some values. */
function typeOf(values: ReadonlySet<string>): FieldType {
  const some = [...values].slice(0, 100);
  return TYPES.find(([, pattern]) => some.every((value) => pattern.test(value)))?.[0] ?? 'string';
}
