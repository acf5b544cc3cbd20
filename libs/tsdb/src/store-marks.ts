import { Matcher, type MatcherKind } from '#libs/labels';
import type { Tombstone } from './tombstones.ts';

/** Up to where, and in which segments of the log, samples are in blocks. */
export interface Handover {
  readonly beforeMs: number;
  /** Segments with lower numbers. */
  readonly endSequence: number;
}

/** What a store remembers beside its log and its blocks. */
export interface StoreMarks {
  readonly handovers: readonly Handover[];
  readonly tombstones: readonly Tombstone[];
  /** Tombstones that cannot be read: what they hid is seen again. */
  readonly lostTombstones: number;
}

const KINDS: ReadonlySet<unknown> = new Set<MatcherKind>(['=', '!=', '=~', '!~']);

export function writeMarks(
  handovers: readonly Handover[],
  tombstones: readonly Tombstone[],
): string {
  const stones = tombstones.map(({ matchers, minMs, maxMs, beforeBlock }) => ({
    matchers: matchers.map(({ name, kind, value }) => [name, kind, value]),
    minMs,
    maxMs,
    beforeBlock,
  }));
  return JSON.stringify({ version: 1, handovers, tombstones: stones });
}

/** Handovers that cannot be read cost nothing but work: samples of the log are written to blocks a second time. */
export function readMarks(text: string | null): StoreMarks {
  let marks: unknown = null;
  try {
    marks = JSON.parse(text ?? 'null');
  } catch {
    // As if there were none.
  }
  const found = entriesOf(marks, 'tombstones');
  const tombstones = found.flatMap((one) => readTombstone(one) ?? []);
  return {
    handovers: entriesOf(marks, 'handovers').filter(isHandover),
    tombstones,
    lostTombstones: found.length - tombstones.length,
  };
}

function entriesOf(marks: unknown, key: 'handovers' | 'tombstones'): unknown[] {
  if (typeof marks !== 'object' || marks === null) return [];
  const entries: unknown = new Map<string, unknown>(Object.entries(marks)).get(key);
  return Array.isArray(entries) ? entries : [];
}

function isHandover(one: unknown): one is Handover {
  return (
    typeof one === 'object' &&
    one !== null &&
    'beforeMs' in one &&
    'endSequence' in one &&
    Number.isFinite(one.beforeMs) &&
    Number.isFinite(one.endSequence)
  );
}

function readTombstone(one: unknown): Tombstone | null {
  if (typeof one !== 'object' || one === null) return null;
  if (!('matchers' in one && 'minMs' in one && 'maxMs' in one && 'beforeBlock' in one)) return null;
  const { matchers: entries, minMs, maxMs, beforeBlock } = one;
  if (typeof minMs !== 'number' || typeof maxMs !== 'number') return null;
  if (typeof beforeBlock !== 'number' || !Array.isArray(entries)) return null;
  const matchers = entries.map(readMatcher);
  // Without a matcher it would hide everything.
  if (matchers.length === 0 || !matchers.every((each) => each !== null)) return null;
  return { matchers, minMs, maxMs, beforeBlock };
}

function readMatcher(entry: unknown): Matcher | null {
  if (!Array.isArray(entry)) return null;
  const [name, kind, value]: unknown[] = entry;
  if (typeof name !== 'string' || typeof value !== 'string' || !isKind(kind)) return null;
  try {
    return new Matcher(name, kind, value);
  } catch {
    return null;
  }
}

function isKind(kind: unknown): kind is MatcherKind {
  return KINDS.has(kind);
}
