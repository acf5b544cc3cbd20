import { MsgpackReader } from '#libs/forward';
import {
  type EventPipeline,
  JSON_FIELD,
  type LogSource,
  NUMBER_FIELD,
  PACKED_FIELD,
  type RecordBatch,
  SourceCounts,
  TEXT_FIELD,
} from '#libs/log-pipeline';

/** Which records a rule means: those for which everything that is given holds; null for all. */
export interface InputMatch {
  /** Names of inputs; `otlp` and `kubernetes-events` are some. */
  readonly inputs: readonly string[] | null;
  /** As their senders have tagged them, with `*` for any characters. */
  readonly tags: readonly string[] | null;
  readonly namespaces: readonly string[] | null;
}

/** What is done with the records of some inputs. */
export interface InputRule {
  /** The group that their records are counted in. */
  readonly name: string;
  readonly match: InputMatch;
  readonly pipeline: EventPipeline;
}

/** What is done with records, and what they come to. */
export interface InputGroup {
  readonly name: string;
  readonly pipeline: EventPipeline;
  readonly counts: SourceCounts;
}

interface Candidate {
  readonly match: InputMatch;
  readonly tags: readonly ((tag: string) => boolean)[] | null;
  readonly group: InputGroup;
}

/** Chooses for records of inputs what is done with them: the first rule that means them, or nothing but counting. */
export class InputRules {
  readonly #candidates: readonly Candidate[];
  readonly #createPlain: () => EventPipeline;
  readonly #plain = new Map<string, InputGroup>();

  /** @param createPlain makes what stands where no rule holds */
  constructor(rules: readonly InputRule[], createPlain: () => EventPipeline) {
    this.#createPlain = createPlain;
    this.#candidates = rules.map(({ name, match, pipeline }) => ({
      match,
      tags: match.tags?.map(tagMatcher) ?? null,
      group: { name, pipeline, counts: new SourceCounts() },
    }));
  }

  /** Every group there is so far. */
  get groups(): readonly InputGroup[] {
    return [...this.#candidates.map(({ group }) => group), ...this.#plain.values()];
  }

  /** @param tag as their sender has tagged them; empty for none */
  groupOf(input: string, tag: string, { identity }: LogSource): InputGroup {
    for (const { match, tags, group } of this.#candidates) {
      if (match.inputs?.includes(input) === false) continue;
      if (match.namespaces?.includes(identity.namespace) === false) continue;
      if (tags?.some((matches) => matches(tag)) === false) continue;
      return group;
    }
    let group = this.#plain.get(input);
    if (group === undefined) {
      group = { name: input, pipeline: this.#createPlain(), counts: new SourceCounts() };
      this.#plain.set(input, group);
    }
    return group;
  }
}

/** Whether a tag is one of a pattern; each `*` stands for any characters, and the time is linear in the tag for each. */
export function tagMatcher(pattern: string): (tag: string) => boolean {
  const parts = pattern.split('*');
  const first = parts[0]!;
  const last = parts.at(-1)!;
  if (parts.length === 1) return (tag) => tag === pattern;
  return (tag) => {
    if (tag.length < first.length + last.length) return false;
    if (!tag.startsWith(first) || !tag.endsWith(last)) return false;
    const end = tag.length - last.length;
    let at = first.length;
    for (const part of parts.slice(1, -1)) {
      const found = tag.indexOf(part, at);
      if (found < 0 || found + part.length > end) return false;
      at = found + part.length;
    }
    return true;
  };
}

/** Makes text, a number or JSON of a field that came packed. */
export function unpackField(records: RecordBatch, index: number): void {
  const { fields } = records;
  if (fields?.kinds[index] !== PACKED_FIELD) return;
  const bytes = fields.isValueExtra[index] === 1 ? records.extra : records.lines;
  const { kind, text } = unpacked(bytes, fields.valueStarts[index]!, fields.valueEnds[index]!);
  const at = records.addExtra(text, 0, text.length);
  fields.kinds[index] = kind;
  fields.isValueExtra[index] = 1;
  fields.valueStarts[index] = at;
  fields.valueEnds[index] = at + text.length;
}

const UINT64 = 0xcf;
const INT64 = 0xd3;

function unpacked(bytes: Buffer, start: number, end: number): { kind: number; text: Buffer } {
  // As a double they would lose their last digits.
  if (bytes[start] === UINT64) return numberOf(bytes.readBigUInt64BE(start + 1));
  if (bytes[start] === INT64) return numberOf(bytes.readBigInt64BE(start + 1));
  const value = new MsgpackReader(bytes, start, end).readValue();
  if (Buffer.isBuffer(value)) return { kind: TEXT_FIELD, text: value };
  if (typeof value === 'number' && Number.isFinite(value)) return numberOf(value);
  return { kind: JSON_FIELD, text: Buffer.from(JSON.stringify(withoutBytes(value))) };
}

function numberOf(value: number | bigint): { kind: number; text: Buffer } {
  return { kind: NUMBER_FIELD, text: Buffer.from(String(value)) };
}

/** What JSON can say of it: bytes become text. */
function withoutBytes(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('utf8');
  if (Array.isArray(value)) return value.map(withoutBytes);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withoutBytes(part)]));
}
