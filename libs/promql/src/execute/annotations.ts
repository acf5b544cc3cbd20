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
}

/** Most different remarks of a kind that an answer carries; the rest are counted in a last line. */
const MAX_REMARKS = 100;

/** Collects remarks, each once. */
export class AnnotationCollector {
  readonly #seen = new Set<string>();
  readonly entries: Annotation[] = [];

  add(kind: AnnotationKind, text: string, span: Span): void {
    this.addAt(kind, text, span.start);
  }

  addAt(kind: AnnotationKind, text: string, offset: number): void {
    const key = `${kind}${offset}:${text}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.entries.push({ kind, text, offset });
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
    for (const entry of this.entries) {
      if (entry.kind !== kind) continue;
      if (lines.length >= MAX_REMARKS) left++;
      else lines.push(`PromQL ${kind}: ${entry.text} (${positionIn(query, entry.offset)})`);
    }
    if (left > 0) lines.push(`${left} more ${kind} annotations omitted`);
    return lines;
  }
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
