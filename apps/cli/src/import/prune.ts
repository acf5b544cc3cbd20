import type { ConfigProblem } from '#libs/yaml-config';
import { type ConfigDocument, type ConfigPath, fromPath, toPath } from './config-document.ts';
import { type ImportReport, placeOf } from './import-report.ts';

/** Each round takes out what the round before has brought to light; a configuration comes to rest after a few. */
const MAX_ROUNDS = 20;

export interface PruneOptions {
  readonly document: ConfigDocument;
  /** The file that the document's parts come from. */
  readonly source: string;
  /** What is wrong with a text. */
  readonly check: (text: string) => Promise<readonly ConfigProblem[]>;
  /** The smallest part that can be left out because of a problem; null where nothing would help. */
  readonly partOf: (path: ConfigPath, document: ConfigDocument) => ConfigPath | null;
  readonly report: ImportReport;
}

/** Leaves out of a document what is refused, part by part, and reports each. @returns whether the rest is good */
export async function prune(options: PruneOptions): Promise<boolean> {
  const { document, source, check, partOf, report } = options;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const problems = await check(document.toString());
    if (problems.length === 0) return true;
    const parts = new Map<string, { path: ConfigPath; reasons: Set<string> }>();
    const hopeless: ConfigProblem[] = [];
    for (const problem of problems) {
      const path = partOf(toPath(problem), document);
      if (path === null || path.length === 0) {
        hopeless.push(problem);
        continue;
      }
      const key = JSON.stringify(path);
      const reasons = parts.get(key)?.reasons ?? new Set<string>();
      const within = problem.path === fromPath(path) ? '' : `${problem.path}: `;
      parts.set(key, { path, reasons: reasons.add(within + problem.message) });
    }
    if (parts.size === 0) {
      for (const { line, path, message } of hopeless)
        report.left(placeOf(source, line, path), message);
      return false;
    }
    // From the last to the first, so that the places of the others stay what they are.
    const sorted = [...parts.values()].toSorted((a, b) => comparePaths(b.path, a.path));
    const told = sorted.map(({ path, reasons }) => ({
      place: placeOf(source, document.line(path), nameOf(path, document)),
      reason: [...reasons].join('; '),
    }));
    for (const { path } of sorted) document.remove(path);
    for (const { place, reason } of told.toReversed()) report.left(place, reason);
  }
  report.left(source, 'what is refused of it does not come to an end');
  return false;
}

/** The path, with the name of what stands there. */
function nameOf(path: ConfigPath, document: ConfigDocument): string {
  const named = path.flatMap((_step, index) => {
    const at = path.slice(0, index + 1);
    const name = document.text([...at, 'job_name']) || document.text([...at, 'name']);
    return name === '' ? [] : [name];
  });
  const last = named.at(-1);
  return last === undefined ? fromPath(path) : `${fromPath(path)} (${last})`;
}

function comparePaths(a: ConfigPath, b: ConfigPath): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [left, right] = [a[i]!, b[i]!];
    if (left === right) continue;
    if (typeof left === 'number' && typeof right === 'number') return left - right;
    return String(left) < String(right) ? -1 : 1;
  }
  return a.length - b.length;
}
