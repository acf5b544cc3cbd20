import type { Span } from '../ast.ts';
import type { Annotations } from './query-result.ts';

export type AnnotationKind = 'warning' | 'info';

/** One remark, before its position has been written out. */
export interface Annotation {
  readonly kind: AnnotationKind;
  /** Without the leading `PromQL warning: ` and the position. */
  readonly text: string;
  /** UTF-16 offset in the query. */
  readonly offset: number;
  /** What grows with every occurrence and is written after the text, or null. */
  readonly extent: AnnotationExtent | null;
}

/** How far something that is remarked on reaches. */
export interface AnnotationExtent {
  /** The extent of both; `other` is of the same kind, since it belongs to the same text. */
  merge(other: AnnotationExtent): AnnotationExtent;
  /** What follows the text, with the comma. */
  toString(): string;
}

/** Most different remarks of a kind that an answer carries; the rest are counted in a last line. */
const MAX_REMARKS = 100;

/**
 * Collects remarks, each text once, whichever parts of the query it is made on: as in Prometheus, the position is that of
 * the part that came last.
 */
export class AnnotationCollector {
  #entries = new Map<string, Annotation>();

  get entries(): readonly Annotation[] {
    return [...this.#entries.values()];
  }

  add(kind: AnnotationKind, text: string, span: Span): void {
    this.addEntry({ kind, text, offset: span.start, extent: null });
  }

  addEntry(entry: Annotation): void {
    const key = `${entry.kind}:${entry.text}`;
    const known = this.#entries.get(key);
    if (known !== undefined && known.offset === entry.offset && entry.extent === null) return;
    const before = known?.extent ?? null;
    const extent =
      before === null || entry.extent === null ? entry.extent : before.merge(entry.extent);
    this.#entries.set(key, { ...entry, extent });
  }

  /** Remembers what there is, for {@link restore}. */
  save(): ReadonlyMap<string, Annotation> {
    return new Map(this.#entries);
  }

  /** Goes back to what {@link save} remembered. */
  restore(saved: ReadonlyMap<string, Annotation>): void {
    this.#entries = new Map(saved);
  }

  /** As the HTTP API shows them. */
  toAnnotations(query: string): Annotations {
    return {
      warnings: this.#written('warning', query),
      infos: this.#written('info', query),
    };
  }

  #written(kind: AnnotationKind, query: string): string[] {
    const lines: string[] = [];
    let left = 0;
    for (const entry of this.#entries.values()) {
      if (entry.kind !== kind) continue;
      if (lines.length >= MAX_REMARKS) left++;
      else lines.push(written(entry, query));
    }
    if (left > 0) lines.push(`${left} more ${kind} annotations omitted`);
    return lines;
  }
}

function written({ kind, text, extent, offset }: Annotation, query: string): string {
  return `PromQL ${kind}: ${text}${extent?.toString() ?? ''} (${positionIn(query, offset)})`;
}

/** Line and column of an offset, counted from 1, the column in UTF-8 bytes as Prometheus does. */
function positionIn(query: string, offset: number): string {
  if (query === '') return 'unknown position';
  if (offset < 0 || offset > query.length) return 'invalid position';
  const before = query.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  let line = 1;
  for (let i = before.indexOf('\n'); i !== -1; i = before.indexOf('\n', i + 1)) line++;
  return `${line}:${Buffer.byteLength(before.slice(lineStart)) + 1}`;
}
