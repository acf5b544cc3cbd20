import { ByteWriter } from '#libs/block-files';
import {
  type BatchExtras,
  type ExtrasResult,
  type FamilyMetadata,
  noExtrasCounted,
} from './batch-extras.ts';
import { ExemplarRing, type KeptExemplar } from './exemplar-ring.ts';
import { type LoggedExemplar, writeExemplars, writeMetadata } from './extras-record.ts';
import { EXEMPLARS_RECORD, METADATA_RECORD } from './log-record.ts';
import { MetadataCatalogue } from './metric-metadata.ts';
import type { SeriesLog } from './series-log.ts';

/** Exemplars in one record. With labels as long as they may be that is far below what a frame may hold. */
const EXEMPLARS_PER_RECORD = 256;
/** UTF-16 code units of metadata, or of series' labels, after which a record ends. */
const CHARACTERS_PER_RECORD = 256 * 1_024;
/** So many records are carried over before they are waited for. */
const RECORDS_PER_WAIT = 8;

/** How much of the extras is kept. */
export interface ExtrasOptions {
  readonly maxExemplars: number;
  readonly maxMetricFamilies: number;
}

export const DEFAULT_EXTRAS_OPTIONS: ExtrasOptions = {
  maxExemplars: 100_000,
  maxMetricFamilies: 100_000,
};

interface FoundExemplar {
  readonly logged: LoggedExemplar;
  readonly segment: number;
}

/**
 * Exemplars and metadata: kept in memory, and in the log as long as memory has them. What is new is logged as it comes; what
 * only old segments have is logged once more before these are removed ({@link ExtrasLog.carryOver}).
 */
export class ExtrasLog {
  readonly exemplars: ExemplarRing;
  readonly metadata: MetadataCatalogue;
  readonly #log: SeriesLog;
  readonly #writer = new ByteWriter();
  /** Exemplars read back, in the order of the log. */
  #found: FoundExemplar[] = [];

  constructor(log: SeriesLog, options: ExtrasOptions) {
    this.#log = log;
    this.exemplars = new ExemplarRing(options.maxExemplars);
    this.metadata = new MetadataCatalogue(options.maxMetricFamilies);
  }

  /** Keeps what it may of a batch's extras, and logs what is new. */
  append({ exemplars, metadata }: BatchExtras, nowMs: number): ExtrasResult {
    const result = noExtrasCounted();
    const { sequence } = this.#log;
    const added: KeptExemplar[] = [];
    for (const { series, labels, value, timeMs } of exemplars) {
      const verdict = this.exemplars.add(series, { labels, value, timeMs });
      result.exemplars[verdict]++;
      if (verdict === 'added') added.push(this.exemplars.newest!);
    }
    this.#logExemplars(added, nowMs);
    const fresh: FamilyMetadata[] = [];
    for (const one of metadata) {
      const { family, type, help, unit } = one;
      const verdict = this.metadata.add(family, { type, help, unit }, sequence);
      result.metadata[verdict]++;
      if (verdict === 'added') fresh.push(one);
    }
    this.#logMetadata(fresh, nowMs);
    return result;
  }

  /** An exemplar read back from the log. */
  restoreExemplar(logged: LoggedExemplar, segment: number): void {
    const { capacity } = this.exemplars;
    if (capacity === 0) return;
    this.#found.push({ logged, segment });
    // A log may hold many more than the ring does.
    if (this.#found.length > 2 * capacity + EXEMPLARS_PER_RECORD) {
      this.#found = this.#youngestFound().slice(-capacity);
    }
  }

  /** Metadata read back from the log. */
  restoreMetadata({ family, type, help, unit }: FamilyMetadata, segment: number): void {
    this.metadata.add(family, { type, help, unit }, segment);
  }

  /** To be called when all of the log has been read. */
  finishReplay(): void {
    for (const { logged, segment } of this.#youngestFound()) {
      const { series, exemplar, arrival } = logged;
      const verdict = this.exemplars.add(series, exemplar, arrival);
      if (verdict === 'added') this.exemplars.newest!.loggedIn = segment;
    }
    this.#found = [];
  }

  /**
   * Logs again what only segments below `endSequence` are sure to have.
   * @param settle waits until a position is on disk
   */
  async carryOver(
    endSequence: number,
    nowMs: () => number,
    settle: (position: number) => Promise<void>,
  ): Promise<void> {
    const exemplars = this.exemplars.loggedBefore(endSequence);
    const step = EXEMPLARS_PER_RECORD * RECORDS_PER_WAIT;
    for (let start = 0; start < exemplars.length; start += step) {
      this.#logExemplars(exemplars.slice(start, start + step), nowMs());
      await settle(this.#log.position);
    }
    const families = this.metadata.loggedBefore(endSequence);
    for (let start = 0; start < families.length; start += step) {
      const all: FamilyMetadata[] = [];
      for (const family of families.slice(start, start + step)) {
        for (const [, known] of this.metadata.entries(family)) {
          // The latest is first in the catalogue and has to be read last.
          for (const one of known.toReversed()) all.push({ family, ...one });
        }
        this.metadata.logged(family, this.#log.sequence);
      }
      this.#logMetadata(all, nowMs());
      await settle(this.#log.position);
    }
  }

  /** What was read back in the order in which it came, each once. */
  #youngestFound(): FoundExemplar[] {
    const ordered = this.#found.toSorted((a, b) => a.logged.arrival - b.logged.arrival);
    // Of one that was carried over the last record counts: the segment of the first may be gone soon.
    return ordered.filter((one, i) => one.logged.arrival !== ordered[i + 1]?.logged.arrival);
  }

  #logExemplars(exemplars: readonly KeptExemplar[], nowMs: number): void {
    for (let start = 0; start < exemplars.length;) {
      let characters = 0;
      let end = start;
      while (
        end < exemplars.length &&
        end - start < EXEMPLARS_PER_RECORD &&
        characters < CHARACTERS_PER_RECORD
      ) {
        const one = exemplars[end++]!;
        one.loggedIn = this.#log.sequence;
        for (const text of one.series.flat) characters += text.length;
      }
      this.#writer.clear();
      writeExemplars(this.#writer, exemplars.slice(start, end));
      this.#log.appendPayload(EXEMPLARS_RECORD, this.#writer.view(), nowMs);
      start = end;
    }
  }

  #logMetadata(metadata: readonly FamilyMetadata[], nowMs: number): void {
    for (let start = 0; start < metadata.length;) {
      let characters = 0;
      let end = start;
      while (end < metadata.length && characters < CHARACTERS_PER_RECORD) {
        const { family, help } = metadata[end++]!;
        characters += family.length + help.length;
      }
      this.#writer.clear();
      writeMetadata(this.#writer, metadata.slice(start, end));
      this.#log.appendPayload(METADATA_RECORD, this.#writer.view(), nowMs);
      start = end;
    }
  }
}
