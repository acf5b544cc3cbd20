import { LinearSearch } from '#libs/labels';
import { type DropSpec, RecordFilter } from './drop-rules.ts';
import { LOG_LEVELS } from './log-level.ts';
import type { LogSource } from './log-source.ts';
import { MAX_MATCHED_BYTES } from './pattern-parser.ts';
import { LOG_STREAMS, type RecordBatch } from './record-batch.ts';
import { JSON_FIELD, PACKED_FIELD } from './record-fields.ts';

/** What is measured of which records. */
export interface MeterSpec extends DropSpec {
  /** Names of labels: of what identifies a record (`namespace`, `level`, …), of groups of the pattern, or of fields. */
  readonly labels: readonly string[];
  /** The group of the pattern or the field that is measured; null to count records. */
  readonly value: string | null;
}

/** What was measured of a record, valid until the next one. */
export interface Measurement {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const IDENTITY = ['namespace', 'pod', 'container', 'workload'] as const;
/** Longer values are no names of anything. */
const MAX_LABEL_BYTES = 128;

type Reader = (source: LogSource, records: RecordBatch, row: number) => string;

/** Reads measurements from records: numbers and labels from the groups of a pattern, or from the fields of a parser. */
export class RecordMeter {
  readonly #filter: RecordFilter;
  readonly #search: LinearSearch | null;
  readonly #bounds: Int32Array;
  readonly #labels: readonly (readonly [name: string, read: Reader])[];
  readonly #value: Reader | null;

  /** @throws RegExpSyntaxError */
  constructor(spec: MeterSpec) {
    const search = spec.pattern === null ? null : new LinearSearch(spec.pattern);
    const groups = search?.groupNames() ?? new Map<string, number>();
    const wanted = spec.value === null ? spec.labels : [...spec.labels, spec.value];
    const needsGroups = wanted.some((name) => groups.has(name));
    // A pattern of which nothing is read is only looked for, which may be faster.
    this.#filter = new RecordFilter(needsGroups ? { ...spec, pattern: null } : spec);
    this.#search = needsGroups ? search : null;
    this.#bounds = new Int32Array(search?.boundCount ?? 0);
    const readerOf = (name: string): Reader => {
      const group = groups.get(name);
      return group === undefined
        ? ownReader(name)
        : (_, records, row) => this.#group(records, row, group);
    };
    this.#labels = spec.labels.map((name) => [labelName(name), readerOf(name)]);
    this.#value = spec.value === null ? null : readerOf(spec.value);
  }

  /** @returns null for a record that is not meant, or that has no number where one is wanted */
  measure(source: LogSource, records: RecordBatch, row: number): Measurement | null {
    if (!this.#filter.matches(records, row)) return null;
    if (this.#search !== null) {
      const end = Math.min(records.ends[row]!, records.starts[row]! + MAX_MATCHED_BYTES);
      const message = records.bytesOf(row).subarray(records.starts[row], end);
      if (!this.#search.capture(message, this.#bounds)) return null;
    }
    let value = 1;
    if (this.#value !== null) {
      const text = this.#value(source, records, row);
      value = text === '' ? Number.NaN : Number(text);
      if (!Number.isFinite(value)) return null;
    }
    const labels: Record<string, string> = {};
    for (const [name, read] of this.#labels) labels[name] = read(source, records, row);
    return { labels, value };
  }

  #group(records: RecordBatch, row: number, group: number): string {
    const from = this.#bounds[group * 2]!;
    if (from < 0) return '';
    const start = records.starts[row]!;
    return textOf(records.bytesOf(row), start + from, start + this.#bounds[group * 2 + 1]!);
  }
}

/** A field's name as a label's. */
export function labelName(name: string): string {
  const plain = name.replaceAll(/[^A-Za-z0-9_]/g, '_');
  return /^[0-9]/.test(plain) ? `_${plain}` : plain;
}

function ownReader(name: string): Reader {
  const own = IDENTITY.find((known) => known === name);
  if (own !== undefined) return ({ identity }) => identity[own];
  if (name === 'level') return (_, records, row) => LOG_LEVELS[records.levels[row]!]!;
  if (name === 'stream') return (_, records, row) => LOG_STREAMS[records.streams[row]!]!;
  const bytes = Buffer.from(name);
  return (_, records, row) => fieldOf(records, row, bytes);
}

function fieldOf(records: RecordBatch, row: number, name: Buffer): string {
  const { fields } = records;
  if (fields === null) return '';
  const first = fields.first[row]!;
  for (let i = first; i < first + fields.counts[row]!; i++) {
    const start = fields.nameStarts[i]!;
    if (fields.nameEnds[i]! - start !== name.length) continue;
    const names = fields.isNameExtra[i] === 1 ? records.extra : records.lines;
    if (name.compare(names, start, start + name.length) !== 0) continue;
    // A list or a number of many digits, as its sender has packed it.
    if (fields.kinds[i] === PACKED_FIELD) return '';
    const values = fields.isValueExtra[i] === 1 ? records.extra : records.lines;
    const value = textOf(values, fields.valueStarts[i]!, fields.valueEnds[i]!);
    return fields.kinds[i] === JSON_FIELD && /^[[{]/.test(value) ? '' : value;
  }
  return '';
}

function textOf(bytes: Buffer, start: number, end: number): string {
  return bytes.toString('utf8', start, Math.min(end, start + MAX_LABEL_BYTES));
}
