import { type LevelCount, LevelCounts } from './level-counts.ts';
import type { LogIdentity, LogSource } from './log-source.ts';
import type { RecordBatch } from './record-batch.ts';

/** Messages of one container, or of everything that has no counts of its own. */
export interface SourceCount {
  readonly identity: LogIdentity;
  readonly counts: readonly LevelCount[];
}

export interface SourceCountsOptions {
  /** Most containers with counts of their own; the lines of others are counted together. Default 10,000. */
  readonly maxSources?: number;
  /** How long the counts of a container stay whose files are gone. Default 15 min. */
  readonly keepMs?: number;
}

interface Entry {
  readonly identity: LogIdentity;
  readonly counts: LevelCounts;
  changedMs: number;
  /** Sources that count here and are not closed. */
  users: number;
}

const NOBODY: LogIdentity = { namespace: '', pod: '', container: '', workload: '' };

/**
 * Messages by container, level and stream. Counts of containers that are gone are dropped after a while, so that their
 * number is bounded on a node that lives long.
 */
export class SourceCounts {
  readonly #maxSources: number;
  readonly #keepMs: number;
  readonly #entries = new Map<string, Entry>();
  readonly #bySource = new WeakMap<LogSource, Entry>();
  readonly #rest: Entry = { identity: NOBODY, counts: new LevelCounts(), changedMs: 0, users: 0 };

  constructor(options: SourceCountsOptions = {}) {
    this.#maxSources = options.maxSources ?? 10_000;
    this.#keepMs = options.keepMs ?? 15 * 60_000;
  }

  /** Counts the records of a source, until it is closed. */
  add(source: LogSource, records: RecordBatch, nowMs: number): void {
    const entry = this.#bySource.get(source) ?? this.#open(source, nowMs);
    entry.changedMs = nowMs;
    entry.counts.add(records);
  }

  /** The file of a source has ended, or another source tells of the same file. */
  close(source: LogSource, nowMs: number): void {
    const entry = this.#bySource.get(source);
    if (entry === undefined) return;
    this.#bySource.delete(source);
    entry.users--;
    entry.changedMs = nowMs;
  }

  /** What there was so far, without containers that have been gone for long. */
  list(nowMs: number): SourceCount[] {
    this.#sweep(nowMs);
    return [this.#rest, ...this.#entries.values()]
      .map(({ identity, counts }) => ({ identity, counts: counts.list() }))
      .filter(({ counts }) => counts.length > 0);
  }

  #open(source: LogSource, nowMs: number): Entry {
    const { identity } = source;
    const { namespace, pod, container, workload } = identity;
    let entry = this.#rest;
    if (namespace !== '' || pod !== '') {
      const key = `${namespace}\0${pod}\0${container}\0${workload}`;
      const known = this.#entries.get(key);
      if (known !== undefined) entry = known;
      else {
        if (this.#entries.size >= this.#maxSources) this.#sweep(nowMs);
        if (this.#entries.size < this.#maxSources) {
          entry = { identity, counts: new LevelCounts(), changedMs: nowMs, users: 0 };
          this.#entries.set(key, entry);
        }
      }
    }
    entry.users++;
    this.#bySource.set(source, entry);
    return entry;
  }

  #sweep(nowMs: number): void {
    for (const [key, { users, changedMs }] of this.#entries) {
      if (users === 0 && nowMs - changedMs >= this.#keepMs) this.#entries.delete(key);
    }
  }
}
