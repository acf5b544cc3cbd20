import type { FloatHistogram } from '#libs/histogram';
import type { Labels } from '#libs/labels';
import {
  type RecordTaker,
  replaySegments,
  type SegmentFindings,
  type SegmentProgress,
  type SegmentStore,
} from '#libs/record-log';
import type { FamilyMetadata } from './batch-extras.ts';
import { grown, nextCapacity } from './growing-columns.ts';
import type { Head } from './head.ts';
import type { ExtrasLog } from './extras-log.ts';
import type { LoggedExemplar } from './extras-record.ts';
import { readRecord, RecordError, type RecordVisitor } from './log-record.ts';
import { SeriesIdTable } from './series-id-table.ts';
import type { SeriesSegment } from './series-records.ts';

/** How far a replay has come. */
export interface ReplayProgress extends SegmentProgress {
  readonly samples: number;
}

/** What a replay found. What goes beyond samples and series is zero after a clean stop. */
export interface ReplayReport extends SegmentFindings {
  readonly samples: number;
  readonly series: number;
  /** Samples that were there already: written twice around a failed write. */
  readonly repeatedSamples: number;
  /** Samples beyond the retention. */
  readonly expiredSamples: number;
  /** Samples of series of which every definition was in a damaged record. */
  readonly orphanedSamples: number;
}

/** What a replay leaves for the writer to go on from. */
export interface ReplayResult {
  readonly report: ReplayReport;
  readonly liveSegments: readonly SeriesSegment[];
  readonly highestSeriesId: number;
  /** The id of each row's series in the log; beyond the last row there are zeros. */
  readonly idsOfRows: Float64Array;
}

const FORMAT_VERSION = 1;
/** So many samples wait for a definition; more are given up. */
const MAX_WAITING_SAMPLES = 2_000_000;
const MAX_WAITING_HISTOGRAMS = 50_000;

export interface ReplayOptions {
  /** Samples of a segment from before are left out. */
  readonly oldestMsOf: (sequence: number) => number;
  /** Asked after every chunk; the replay ends once it says yes. */
  readonly isStopped: () => boolean;
  readonly onProgress: (progress: ReplayProgress) => void;
}

/**
 * Reads all segments back into an empty head and what is kept beside it, oldest first.
 * @returns null when it was stopped; the head then holds a part and is of no use
 */
export async function replayLog(
  store: SegmentStore,
  head: Head,
  extras: ExtrasLog,
  options: ReplayOptions,
): Promise<ReplayResult | null> {
  const replay = new Replay(head, extras, options);
  const findings = await replaySegments(store, replay);
  if (findings === null) return null;
  replay.adoptOrphans();
  extras.finishReplay();
  return {
    report: replay.report(findings),
    liveSegments: replay.segments,
    highestSeriesId: replay.highestId,
    idsOfRows: replay.idsOfRows,
  };
}

class Replay implements RecordTaker, RecordVisitor {
  readonly #head: Head;
  readonly #extras: ExtrasLog;
  readonly #options: ReplayOptions;
  #sequence = 0;
  #oldestMs = -Infinity;
  readonly #rowsOfIds = new SeriesIdTable();
  idsOfRows = new Float64Array(0);
  readonly segments: SeriesSegment[] = [];
  highestId = 0;
  #samples = 0;
  #segmentMaxMs = -Infinity;
  #series = 0;
  #repeatedSamples = 0;
  #expiredSamples = 0;
  #orphanedSamples = 0;
  // Samples whose series was not defined yet; the definition that was damaged comes again further on.
  readonly #waitingIds: number[] = [];
  readonly #waitingTimesMs: number[] = [];
  #waitingWords = new Uint32Array(0);
  readonly #waitingHistograms: { id: number; timeMs: number; histogram: FloatHistogram }[] = [];

  constructor(head: Head, extras: ExtrasLog, options: ReplayOptions) {
    this.#head = head;
    this.#extras = extras;
    this.#options = options;
  }

  beginSegment(sequence: number): void {
    this.#sequence = sequence;
    this.#oldestMs = this.#options.oldestMsOf(sequence);
    this.#segmentMaxMs = -Infinity;
  }

  take(payload: Buffer): boolean {
    try {
      readRecord(payload, this);
      return true;
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      return false;
    }
  }

  endSegment(sequence: number, bytes: number): void {
    this.segments.push({ sequence, bytes, maxMs: this.#segmentMaxMs });
  }

  goesOn(progress: SegmentProgress): boolean {
    this.#options.onProgress({ ...progress, samples: this.#samples });
    return !this.#options.isStopped();
  }

  segment(version: number, _sequence: number): void {
    if (version !== FORMAT_VERSION) throw new RecordError(`log format of version ${version}`);
  }

  needsSeries(id: number): boolean {
    return this.#rowsOfIds.rowOf(id) < 0;
  }

  series(id: number, labels: Labels): void {
    if (id > this.highestId) this.highestId = id;
    const row = this.#head.restoreSeries(labels);
    this.#rowsOfIds.set(id, row);
    if (row >= this.idsOfRows.length) {
      this.idsOfRows = grown(this.idsOfRows, nextCapacity(row + 1));
    }
    // A series that vanished and came back has had several ids; the last one goes on.
    if (this.idsOfRows[row] === 0) this.#series++;
    this.idsOfRows[row] = id;
  }

  sample(id: number, timeMs: number, firstWord: number, secondWord: number): void {
    if (timeMs > this.#segmentMaxMs) this.#segmentMaxMs = timeMs;
    const row = this.#rowsOfIds.rowOf(id);
    if (row < 0) {
      // Never to be given to another series, or that one would inherit these samples at the next start.
      if (id > this.highestId) this.highestId = id;
      this.#wait(id, timeMs, firstWord, secondWord);
    } else if (timeMs < this.#oldestMs) {
      this.#expiredSamples++;
    } else if (this.#head.restoreSample(row, timeMs, firstWord, secondWord)) {
      this.#samples++;
    } else {
      this.#repeatedSamples++;
    }
  }

  histogram(id: number, timeMs: number, histogram: FloatHistogram): void {
    if (timeMs > this.#segmentMaxMs) this.#segmentMaxMs = timeMs;
    const row = this.#rowsOfIds.rowOf(id);
    if (row < 0) {
      if (id > this.highestId) this.highestId = id;
      if (this.#waitingHistograms.length < MAX_WAITING_HISTOGRAMS) {
        this.#waitingHistograms.push({ id, timeMs, histogram });
      } else {
        this.#orphanedSamples++;
      }
    } else if (timeMs < this.#oldestMs) {
      this.#expiredSamples++;
    } else if (this.#head.restoreHistogram(row, timeMs, histogram)) {
      this.#samples++;
    } else {
      this.#repeatedSamples++;
    }
  }

  start(id: number, fromMs: number, startMs: number): void {
    const row = this.#rowsOfIds.rowOf(id);
    if (row >= 0) this.#head.restoreStart(row, fromMs, startMs);
  }

  exemplar(exemplar: LoggedExemplar): void {
    this.#extras.restoreExemplar(exemplar, this.#sequence);
  }

  metadata(metadata: FamilyMetadata): void {
    this.#extras.restoreMetadata(metadata, this.#sequence);
  }

  /** Gives samples that were waiting to their series, if its definition has come. */
  adoptOrphans(): void {
    for (const { id, timeMs, histogram } of this.#waitingHistograms.splice(0)) {
      if (this.#rowsOfIds.rowOf(id) >= 0) this.histogram(id, timeMs, histogram);
      else this.#orphanedSamples++;
    }
    for (const [i, id] of this.#waitingIds.entries()) {
      if (this.#rowsOfIds.rowOf(id) >= 0) {
        const [first, second] = this.#waitingWords.subarray(2 * i);
        this.sample(id, this.#waitingTimesMs[i]!, first!, second!);
      } else {
        this.#orphanedSamples++;
      }
    }
  }

  #wait(id: number, timeMs: number, firstWord: number, secondWord: number): void {
    const count = this.#waitingIds.length;
    if (count === MAX_WAITING_SAMPLES) {
      this.#orphanedSamples++;
      return;
    }
    if (2 * count === this.#waitingWords.length) {
      this.#waitingWords = grown(this.#waitingWords, 2 * nextCapacity(count + 1));
    }
    this.#waitingIds.push(id);
    this.#waitingTimesMs.push(timeMs);
    this.#waitingWords[2 * count] = firstWord;
    this.#waitingWords[2 * count + 1] = secondWord;
  }

  report(findings: SegmentFindings): ReplayReport {
    return {
      ...findings,
      samples: this.#samples,
      series: this.#series,
      repeatedSamples: this.#repeatedSamples,
      expiredSamples: this.#expiredSamples,
      orphanedSamples: this.#orphanedSamples,
    };
  }
}
