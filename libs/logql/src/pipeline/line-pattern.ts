import type { Line } from './line.ts';

interface PatternPart {
  readonly kind: 'literal' | 'capture';
  /** Bytes of a literal. */
  readonly bytes: Buffer;
  /** Name of a capture, `_` for one that only skips. */
  readonly name: string;
}

const CAPTURE = /<([a-zA-Z_][a-zA-Z0-9_]*)>/g;

function parsePattern(pattern: string): readonly PatternPart[] {
  const parts: PatternPart[] = [];
  const literal = (text: string): void => {
    if (text !== '') parts.push({ kind: 'literal', bytes: Buffer.from(text), name: '' });
  };
  let at = 0;
  for (const match of pattern.matchAll(CAPTURE)) {
    literal(pattern.slice(at, match.index));
    parts.push({ kind: 'capture', bytes: Buffer.alloc(0), name: match[1]! });
    at = match.index + match[0].length;
  }
  literal(pattern.slice(at));
  return parts;
}

/** Why a text is no pattern of a parser, or of a line filter, which has no names; null where it is one. */
export function checkPattern(pattern: string, use: 'parser' | 'filter'): string | null {
  const parts = parsePattern(pattern);
  const names = parts.filter(({ kind, name }) => kind === 'capture' && name !== '_');
  if (parts.length === 0) return 'invalid pattern: it is empty';
  if (parts.length > 200) return 'invalid pattern: more than 200 captures and literals';
  if (use === 'filter') {
    if (names.length > 0) return 'invalid pattern: a line filter has no named captures, only <_>';
  } else if (names.length === 0) {
    return 'invalid pattern: at least one capture is required, such as <name>';
  }
  const isConsecutive = parts.some(
    ({ kind }, i) => kind === 'capture' && parts[i + 1]?.kind === 'capture',
  );
  if (isConsecutive) return 'invalid pattern: found consecutive captures';
  const twice = names.find(({ name }, i) => names.findIndex((each) => each.name === name) < i);
  if (twice !== undefined) return `invalid pattern: duplicate capture name (${twice.name})`;
  return null;
}

/** Reads lines by a pattern such as `<ip> - <_> "<method> <path>"`. */
export class LinePattern {
  readonly #parts: readonly PatternPart[];

  /** @param pattern for which {@link checkPattern} has no objection */
  constructor(pattern: string) {
    this.#parts = parsePattern(pattern);
  }

  /**
   * Sets the captures as labels. A capture reaches to the next literal; where that does not come, it takes the rest of
   * the line and is the last.
   */
  extract(line: Line): void {
    const { bytes, end } = line;
    const parts = this.#parts;
    let at = line.start;
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i]!;
      if (part.kind === 'literal') {
        if (!startsWithAt(bytes, at, end, part.bytes)) return;
        at += part.bytes.length;
        continue;
      }
      const next = parts[i + 1];
      const found = next === undefined ? -1 : indexWithin(bytes, next.bytes, at, end);
      const stop = found < 0 ? end : found;
      if (part.name !== '_') line.labels.setExtracted(part.name, bytes.toString('utf8', at, stop));
      if (found < 0) return;
      at = stop;
    }
  }

  /** Whether the literals come in their order, the first and last of them where the line begins and ends unless `<_>` does. */
  matches(bytes: Buffer, start: number, end: number): boolean {
    const parts = this.#parts;
    let at = start;
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i]!;
      if (part.kind === 'capture') continue;
      const isFirst = i === 0;
      const isLast = i === parts.length - 1;
      if (isFirst) {
        if (!startsWithAt(bytes, at, end, part.bytes)) return false;
        at += part.bytes.length;
        if (isLast && at !== end) return false;
      } else if (isLast) {
        const from = end - part.bytes.length;
        return from >= at && startsWithAt(bytes, from, end, part.bytes);
      } else {
        const found = indexWithin(bytes, part.bytes, at, end);
        if (found < 0) return false;
        at = found + part.bytes.length;
      }
    }
    return true;
  }
}

function startsWithAt(bytes: Buffer, at: number, end: number, literal: Buffer): boolean {
  if (at + literal.length > end) return false;
  for (let i = 0; i < literal.length; i++) if (bytes[at + i] !== literal[i]) return false;
  return true;
}

function indexWithin(bytes: Buffer, needle: Buffer, start: number, end: number): number {
  const found = bytes.subarray(start, end).indexOf(needle);
  return found < 0 ? -1 : start + found;
}
