import { LinearSearch } from '#libs/labels';
import type { RecordBatch } from './record-batch.ts';
import { TEXT_FIELD } from './record-fields.ts';
import {
  cardEnd,
  emailBounds,
  isSecretName,
  keyedSecretBounds,
  type Span,
  tokenBounds,
} from './secret-shapes.ts';

/** What can be looked for without a pattern. */
export const REDACTIONS = ['tokens', 'secrets', 'emails', 'cards'] as const;

type Redaction = (typeof REDACTIONS)[number];

/** What is taken out of messages. */
export interface RedactionSpec {
  readonly kinds: readonly Redaction[];
  readonly patterns: readonly { readonly name: string; readonly pattern: string }[];
}

/** What redaction has found, by kind or name of a pattern. */
export type RedactionCounts = Map<string, number>;

/** How much of a message patterns see: the linear machine takes up to half a microsecond a byte. */
const MAX_SEARCHED_BYTES = 256 * 1024;
/** What may begin, or stand in, something that is looked for. */
const AT = 1;
const SEPARATOR = 2;
const DIGIT = 4;
const TOKEN = 8;

/**
 * Takes secrets and personal data out of messages and of the fields found in them. One look at each byte tells where
 * something might be; only there is looked closer.
 */
export class Redactor {
  readonly #interest: Uint8Array;
  readonly #looksForNames: boolean;
  readonly #patterns: readonly { readonly name: string; readonly search: LinearSearch }[];
  readonly #counts: RedactionCounts;
  readonly #span: Span = { start: 0, end: 0 };
  /** Where in `extra` what was replaced last ends. */
  #replacedEnd = 0;
  #spans: { readonly start: number; readonly end: number; readonly kind: string }[] = [];

  /** @throws RegExpSyntaxError */
  constructor({ kinds, patterns }: RedactionSpec, counts: RedactionCounts) {
    this.#interest = interestOf(kinds);
    this.#looksForNames = kinds.includes('secrets');
    this.#patterns = patterns.map(({ name, pattern }) => ({
      name,
      search: new LinearSearch(pattern),
    }));
    this.#counts = counts;
  }

  /** Replaces what is found in the message of a row and in its fields. */
  redact(records: RecordBatch, row: number): void {
    const { fields } = records;
    const start = records.starts[row]!;
    const end = records.ends[row]!;
    const at = this.#replace(records, records.isExtra[row] === 1, start, end);
    if (at >= 0) records.place(row, true, at, this.#replacedEnd);
    if (fields === null) return;
    const first = fields.first[row]!;
    for (let index = first; index < first + fields.counts[row]!; index++) {
      const name = fields.isNameExtra[index] === 1 ? records.extra : records.lines;
      const isSecret =
        this.#looksForNames &&
        isSecretName(name, fields.nameStarts[index]!, fields.nameEnds[index]!);
      const valueStart = fields.valueStarts[index]!;
      const valueEnd = fields.valueEnds[index]!;
      if (isSecret && valueEnd > valueStart) {
        this.#spans.push({ start: valueStart, end: valueEnd, kind: 'secrets' });
      }
      const isExtra = fields.isValueExtra[index] === 1;
      const to = isSecret
        ? this.#write(records, isExtra, valueStart, valueEnd)
        : this.#replace(records, isExtra, valueStart, valueEnd);
      if (to < 0) continue;
      fields.valueStarts[index] = to;
      fields.valueEnds[index] = this.#replacedEnd;
      fields.isValueExtra[index] = 1;
      // A number or an object of which a part is gone is text.
      fields.kinds[index] = TEXT_FIELD;
    }
  }

  /** @returns where in `extra` the text without what was found begins, or -1 where nothing was found */
  #replace(records: RecordBatch, isExtra: boolean, start: number, end: number): number {
    const bytes = isExtra ? records.extra : records.lines;
    this.#scan(bytes, start, end);
    for (const { name, search } of this.#patterns) {
      const searched = bytes.subarray(start, Math.min(end, start + MAX_SEARCHED_BYTES));
      search.forEachMatch(searched, (from, to) => {
        this.#spans.push({ start: start + from, end: start + to, kind: name });
      });
    }
    return this.#write(records, isExtra, start, end);
  }

  #scan(bytes: Buffer, start: number, end: number): void {
    const interest = this.#interest;
    const span = this.#span;
    let from = start;
    for (let at = start; at < end; at++) {
      const kind = interest[bytes[at]!]!;
      if (kind === 0) continue;
      const isWordStart = at === start || !isWordByte(bytes[at - 1]!);
      let found: Redaction | null = null;
      if ((kind & AT) !== 0 && emailBounds(bytes, from, at, end, span)) found = 'emails';
      else if ((kind & SEPARATOR) !== 0 && keyedSecretBounds(bytes, from, at, end, span)) {
        found = 'secrets';
      } else if ((kind & DIGIT) !== 0 && isWordStart) {
        const stop = cardEnd(bytes, at, end);
        if (stop > 0) {
          span.start = at;
          span.end = stop;
          found = 'cards';
        }
      }
      if (found === null && (kind & TOKEN) !== 0 && isWordStart) {
        if (tokenBounds(bytes, at, end, span)) found = 'tokens';
      }
      if (found === null) continue;
      this.#spans.push({ start: span.start, end: span.end, kind: found });
      from = span.end;
      at = span.end - 1;
    }
  }

  /** Writes the text between what was found, and `[redacted KIND]` in its place. */
  #write(records: RecordBatch, isExtra: boolean, start: number, end: number): number {
    if (this.#spans.length === 0) return -1;
    const spans = this.#spans.toSorted((a, b) => a.start - b.start);
    this.#spans = [];
    const marks = spans.map(({ kind }) => Buffer.from(`[redacted ${kind}]`));
    const room = end - start + marks.reduce((sum, { length }) => sum + length, 0);
    const begin = records.reserveExtra(room);
    // Making room may have moved the bytes.
    const bytes = isExtra ? records.extra : records.lines;
    let from = start;
    let to = begin;
    for (const [i, span] of spans.entries()) {
      // What overlaps something found before is gone already.
      if (span.start >= from) {
        to += bytes.copy(records.extra, to, from, span.start);
        to += marks[i]!.copy(records.extra, to);
        this.#counts.set(span.kind, (this.#counts.get(span.kind) ?? 0) + 1);
      }
      from = Math.max(from, span.end);
    }
    to += bytes.copy(records.extra, to, from, end);
    records.keepExtra(to);
    this.#replacedEnd = to;
    return begin;
  }
}

function isWordByte(code: number): boolean {
  const lower = code | 0x20;
  return (lower >= 97 && lower <= 122) || (code >= 48 && code <= 57) || code === 95;
}

function interestOf(kinds: readonly Redaction[]): Uint8Array {
  const interest = new Uint8Array(256);
  const mark = (text: string, kind: number): void => {
    for (const code of Buffer.from(text)) interest[code]! |= kind;
  };
  if (kinds.includes('emails')) mark('@', AT);
  if (kinds.includes('secrets')) mark('=:', SEPARATOR);
  if (kinds.includes('cards')) mark('3456', DIGIT);
  if (kinds.includes('tokens')) mark('eABbgxsG-', TOKEN);
  return interest;
}
