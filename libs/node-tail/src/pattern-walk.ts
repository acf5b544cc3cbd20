import { type Dirent, readdirSync, statSync } from 'node:fs';
import { isAbsolute, matchesGlob, sep } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Something below a folder that patterns could match. */
export interface FolderEntry {
  readonly name: string;
  readonly path: string;
  /** What the folder says it is; a link may be anything, as may what was not looked for in its folder. */
  readonly kind: 'file' | 'folder' | 'link' | 'other';
}

interface KnownFolder {
  readonly modifiedMs: number;
  readonly entries: readonly FolderEntry[];
  /** The folder had not changed for a while when it was read, so that a later change shows in its time. */
  readonly isSettled: boolean;
  /** When its time was last asked for, as `performance.now` tells. */
  lookedMs: number;
  round: number;
}

type Segment =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'pattern'; readonly pattern: string }
  | { readonly kind: 'any depth' };

/** File systems tell times in steps, of two seconds at worst. */
const SETTLED_AFTER_MS = 2_500;
/** Links may lead in a circle. */
const MAX_DEPTH = 32;
/** After so many entries others have a turn. */
const ENTRIES_PER_TURN = 5_000;
const SPECIAL = /[*?[\]{}\\]/;

/**
 * Finds what patterns match. A folder is read only when its time says that names came or went: looking again at
 * hundreds of folders in which nothing happened costs a `stat` of each, and nothing of those that somebody watches.
 */
export class PatternWalk {
  readonly #isQuiet: (folder: string, sinceMs: number) => boolean;
  readonly #folders = new Map<string, KnownFolder>();
  #round = 0;
  #entriesInTurn = 0;

  /** @param isQuiet whether it is known that no name came or went in a folder since a time; default: never */
  constructor(isQuiet: (folder: string, sinceMs: number) => boolean = () => false) {
    this.#isQuiet = isQuiet;
  }

  /** The folders in which this round found folders and nothing else. */
  foldersOfFolders(): string[] {
    const paths: string[] = [];
    for (const [path, { round, entries }] of this.#folders) {
      if (round === this.#round && entries.every(({ kind }) => kind === 'folder')) paths.push(path);
    }
    return paths;
  }

  /** Begins another look; what the looks since the last call did not come to is forgotten. */
  beginRound(): void {
    for (const [path, folder] of this.#folders) {
      if (folder.round < this.#round) this.#folders.delete(path);
    }
    this.#round++;
  }

  /**
   * Calls `found` for everything a pattern matches that is not a folder, until it answers false.
   * @param pattern absolute: `*`, `**`, `?`, `[…]`, `{a,b}`
   */
  async walk(pattern: string, found: (entry: FolderEntry) => boolean): Promise<void> {
    const seen = new Set<string>();
    const once = (entry: FolderEntry): boolean => {
      if (seen.has(entry.path)) return true;
      seen.add(entry.path);
      return found(entry);
    };
    for (const plain of withoutSlashesInBraces(pattern)) {
      const segments = segmentsOf(plain);
      if (!(await this.#walk(sep, segments, 0, 0, once))) return;
    }
  }

  async #walk(
    folder: string,
    segments: readonly Segment[],
    at: number,
    depth: number,
    found: (entry: FolderEntry) => boolean,
  ): Promise<boolean> {
    const segment = segments[at];
    if (segment === undefined || depth > MAX_DEPTH) return true;
    const isLast = at === segments.length - 1;
    // What is named need not lie in a folder that may be listed.
    if (segment.kind === 'name') {
      const path = join(folder, segment.name);
      if (isLast) return found({ name: segment.name, path, kind: 'link' });
      return this.#walk(path, segments, at + 1, depth + 1, found);
    }
    if (segment.kind === 'any depth' && !(await this.#walk(folder, segments, at + 1, depth, found)))
      return false;
    for (const entry of this.#entries(folder)) {
      if (++this.#entriesInTurn > ENTRIES_PER_TURN) {
        this.#entriesInTurn = 0;
        await nextTurn();
      }
      if (segment.kind === 'any depth') {
        // Links are not followed here: they may lead in a circle.
        if (entry.kind !== 'folder' || entry.name.startsWith('.')) continue;
        if (!(await this.#walk(entry.path, segments, at, depth + 1, found))) return false;
      } else if (matches(entry.name, segment.pattern)) {
        if (!isLast && (entry.kind === 'folder' || entry.kind === 'link')) {
          if (!(await this.#walk(entry.path, segments, at + 1, depth + 1, found))) return false;
        } else if (isLast && entry.kind !== 'folder' && !found(entry)) return false;
      }
    }
    return true;
  }

  #entries(path: string): readonly FolderEntry[] {
    const known = this.#folders.get(path);
    if (known?.isSettled === true && this.#isQuiet(path, known.lookedMs)) {
      known.round = this.#round;
      return known.entries;
    }
    // What happens while it is looked at is later than this.
    const lookedMs = performance.now();
    try {
      const stat = statSync(path, { throwIfNoEntry: false });
      if (stat === undefined || !stat.isDirectory()) return [];
      if (known?.isSettled === true && known.modifiedMs === stat.mtimeMs) {
        known.round = this.#round;
        known.lookedMs = lookedMs;
        return known.entries;
      }
      const isSettled = Date.now() - stat.mtimeMs > SETTLED_AFTER_MS;
      const entries = readdirSync(path, { withFileTypes: true }).map((entry): FolderEntry => ({
        name: entry.name,
        path: join(path, entry.name),
        kind: kindOf(entry),
      }));
      this.#folders.set(path, {
        modifiedMs: stat.mtimeMs,
        entries,
        isSettled,
        lookedMs,
        round: this.#round,
      });
      return entries;
    } catch {
      // It has gone, or may not be read: there is nothing to find in it.
      return [];
    }
  }
}

/** As in shells, names that begin with a dot have to be asked for. */
function matches(name: string, pattern: string): boolean {
  if (name.startsWith('.') && !pattern.startsWith('.')) return false;
  return pattern === '*' || matchesGlob(name, pattern);
}

function kindOf(entry: Dirent): FolderEntry['kind'] {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'folder';
  return entry.isSymbolicLink() ? 'link' : 'other';
}

function segmentsOf(pattern: string): Segment[] {
  if (!isAbsolute(pattern)) throw new RangeError(`not an absolute pattern: ${pattern}`);
  const parts = pattern.split(sep).filter((part) => part !== '' && part !== '.');
  // What lies at any depth has a name as well.
  if (parts.at(-1) === '**') parts.push('*');
  return parts.map((part): Segment => {
    if (part === '**') return { kind: 'any depth' };
    return SPECIAL.test(part) ? { kind: 'pattern', pattern: part } : { kind: 'name', name: part };
  });
}

function join(folder: string, name: string): string {
  return folder === sep ? `${sep}${name}` : `${folder}${sep}${name}`;
}

/** `/a/{b/c,d}/e` is `/a/b/c/e` and `/a/d/e`: a folder's name has no slash in it. */
function withoutSlashesInBraces(pattern: string): string[] {
  const open = pattern.search(/\{[^{}]*\/[^{}]*\}/);
  if (open < 0) return [pattern];
  const close = pattern.indexOf('}', open);
  return pattern
    .slice(open + 1, close)
    .split(',')
    .flatMap((part) =>
      withoutSlashesInBraces(`${pattern.slice(0, open)}${part}${pattern.slice(close + 1)}`),
    );
}
