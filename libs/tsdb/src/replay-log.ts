import type { FloatHistogram } from '#libs/histogram';
import type { Labels } from '#libs/labels';
import { FrameScanner, type SegmentStore } from '#libs/record-log';
import type { FamilyMetadata } from './batch-extras.ts';
import { grown, nextCapacity } from './growing-columns.ts';
import type { Head } from './head.ts';
import type { ExtrasLog } from './extras-log.ts';
import type { LoggedExemplar } from './extras-record.ts';
import { readRecord, RecordError, type RecordVisitor } from './log-record.ts';
import { SeriesIdTable } from './series-id-table.ts';
import type { SeriesSegment } from './series-records.ts';

/** How far a replay has come. */
export interface ReplayProgress {
  readonly segments: number;
  readonly totalSegments: number;
  readonly bytes: number;
  readonly totalBytes: number;
  readonly samples: number;
}

/** What a replay found. Everything but the first three is zero after a clean stop. */
export interface ReplayReport {
  readonly segments: number;
  readonly samples: number;
  readonly series: number;
  /** Samples that were there already: written twice around a failed write. */
  readonly repeatedSamples: number;
  /** Samples beyond the retention. */
  readonly expiredSamples: number;
  /** The numbers of segments that end within a record, and the bytes cut there: the write a power cut or a kill interrupted. */
  readonly tornSegments: readonly number[];
  readonly tornBytes: number;
  /** Stretches of segments that hold no valid record. */
  readonly damagedRecords: number;
  readonly damagedBytes: number;
  /** Records with a valid checksum that this version does not understand. */
  readonly unknownRecords: number;
  /** Samples of series of which every definition was in a damaged record. */
  readonly orphanedSamples: number;
  /** Segments of which a copy was kept because of damage. */
  readonly segmentsSetAside: readonly number[];
  /** Segments that could not be read to their end, with the reason. */
  readonly unreadableSegments: readonly { readonly sequence: number; readonly reason: string }[];
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
 * Reads all segments back into an empty head and what is kept beside it, oldest first. It does not fail on anything the segments hold: a torn tail
 * is cut, a segment with damage inside is set aside as a copy and used as far as it is sound.
 * @returns null when it was stopped; the head then holds a part and is of no use
 */
export async function replayLog(
  store: SegmentStore,
  head: Head,
  extras: ExtrasLog,
  { oldestMsOf, isStopped, onProgress }: ReplayOptions,
): Promise<ReplayResult | null> {
  const replay = new Replay(head, extras);
  const listed = await store.list();
  const totalBytes = listed.reduce((sum, segment) => sum + segment.bytes, 0);
  const liveSegments: SeriesSegment[] = [];
  let bytes = 0;
  for (const [index, { sequence, bytes: segmentBytes }] of listed.entries()) {
    if (isStopped()) return null;
    const progressOf = (segments: number): ReplayProgress => ({
      segments,
      totalSegments: listed.length,
      bytes,
      totalBytes,
      samples: replay.samples,
    });
    replay.beginSegment(sequence, oldestMsOf(sequence));
    const scanner = new FrameScanner((payload) => replay.take(payload));
    try {
      for await (const chunk of store.read(sequence)) {
        scanner.push(chunk);
        bytes += chunk.length;
        onProgress(progressOf(index));
        if (isStopped()) return null;
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      replay.unreadable.push({ sequence, reason });
    }
    const summary = scanner.finish();
    const isUnreadable = replay.unreadable.at(-1)?.sequence === sequence;
    // The last one may be a file whose first bytes never came; before it that cannot be.
    const isBlank = summary.soundBytes === 0 && summary.tornBytes > 0 && index < listed.length - 1;
    replay.damagedRecords += summary.damagedStretches + (isBlank ? 1 : 0);
    replay.damagedBytes += summary.damagedBytes + (isBlank ? summary.tornBytes : 0);
    const isDamaged = summary.damagedStretches > 0 || replay.unknownInSegment > 0;
    if (isDamaged || isBlank || isUnreadable) {
      replay.setAside.push(sequence);
      await ignoringFailure(store.setAside(sequence));
    }
    // The tail of what could not be read may be sound.
    if (summary.tornBytes > 0 && !isUnreadable && !isBlank) {
      replay.tornSegments.push(sequence);
      replay.tornBytes += summary.tornBytes;
      await ignoringFailure(store.truncate(sequence, summary.soundBytes));
    }
    liveSegments.push({ sequence, bytes: segmentBytes, maxMs: replay.segmentMaxMs });
    onProgress(progressOf(index + 1));
  }
  replay.adoptOrphans();
  extras.finishReplay();
  return {
    report: replay.report(listed.length),
    liveSegments,
    highestSeriesId: replay.highestId,
    idsOfRows: replay.idsOfRows,
  };
}

/** Neither a copy nor a cut decides about the data; a full or read-only disk must not keep the store from starting. */
async function ignoringFailure(action: Promise<void>): Promise<void> {
  try {
    await action;
  } catch {
    // The damage is found and counted again at the next start.
  }
}

class Replay implements RecordVisitor {
  readonly #head: Head;
  readonly #extras: ExtrasLog;
  #sequence = 0;
  #oldestMs = -Infinity;
  readonly #rowsOfIds = new SeriesIdTable();
  idsOfRows = new Float64Array(0);
  readonly setAside: number[] = [];
  readonly unreadable: { sequence: number; reason: string }[] = [];
  highestId = 0;
  samples = 0;
  readonly tornSegments: number[] = [];
  tornBytes = 0;
  damagedRecords = 0;
  damagedBytes = 0;
  unknownInSegment = 0;
  segmentMaxMs = -Infinity;
  #series = 0;
  #repeatedSamples = 0;
  #expiredSamples = 0;
  #orphanedSamples = 0;
  // Samples whose series was not defined yet; the definition that was damaged comes again further on.
  readonly #waitingIds: number[] = [];
  readonly #waitingTimesMs: number[] = [];
  #waitingWords = new Uint32Array(0);
  readonly #waitingHistograms: { id: number; timeMs: number; histogram: FloatHistogram }[] = [];
  #unknownRecords = 0;

  constructor(head: Head, extras: ExtrasLog) {
    this.#head = head;
    this.#extras = extras;
  }

  beginSegment(sequence: number, oldestMs: number): void {
    this.#sequence = sequence;
    this.#oldestMs = oldestMs;
    this.segmentMaxMs = -Infinity;
    this.unknownInSegment = 0;
  }

  take(payload: Buffer): void {
    try {
      readRecord(payload, this);
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      this.#unknownRecords++;
      this.unknownInSegment++;
    }
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
    if (timeMs > this.segmentMaxMs) this.segmentMaxMs = timeMs;
    const row = this.#rowsOfIds.rowOf(id);
    if (row < 0) {
      // Never to be given to another series, or that one would inherit these samples at the next start.
      if (id > this.highestId) this.highestId = id;
      this.#wait(id, timeMs, firstWord, secondWord);
    } else if (timeMs < this.#oldestMs) {
      this.#expiredSamples++;
    } else if (this.#head.restoreSample(row, timeMs, firstWord, secondWord)) {
      this.samples++;
    } else {
      this.#repeatedSamples++;
    }
  }

  histogram(id: number, timeMs: number, histogram: FloatHistogram): void {
    if (timeMs > this.segmentMaxMs) this.segmentMaxMs = timeMs;
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
      this.samples++;
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

  report(segments: number): ReplayReport {
    return {
      segments,
      samples: this.samples,
      series: this.#series,
      repeatedSamples: this.#repeatedSamples,
      expiredSamples: this.#expiredSamples,
      tornSegments: this.tornSegments,
      tornBytes: this.tornBytes,
      damagedRecords: this.damagedRecords,
      damagedBytes: this.damagedBytes,
      unknownRecords: this.#unknownRecords,
      orphanedSamples: this.#orphanedSamples,
      segmentsSetAside: this.setAside,
      unreadableSegments: this.unreadable,
    };
  }
}
