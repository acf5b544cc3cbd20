import { type FloatHistogram, histogramsEqual } from '#libs/histogram';
import type { Labels, Matcher } from '#libs/labels';
import type { Pace } from '#libs/pace';
import { createSampleWindow, type SampleBatch, type SampleWindow } from '#libs/samples';
import { noRejections, type Rejection, type RejectReason } from './append-result.ts';
import { HeadLookups } from './head-lookups.ts';
import { HiddenRows } from './hidden-rows.ts';
import type { HeadOptions } from './head-options.ts';
import { labelProblem } from './label-limits.ts';
import { RowSamples } from './row-samples.ts';
import { type BudgetOffender, SeriesBudgets } from './series-budgets.ts';
import { type Selection, SelectionCache } from './selection.ts';
import type { StartChanges, StartTimes } from './start-times.ts';
import { type IndexFootprint, SeriesIndex } from './series-index.ts';
import type { TimeRange } from './tombstones.ts';

/** A removed row is not handed out again for so long; no query runs longer. */
const ROW_QUARANTINE_MS = 10 * 60_000;
const MAX_SELECTIONS = 10_000;
const ROWS_PER_CHECK = 8_192;
const MAX_NAMED_SERIES = 500;
const NO_ROWS: ReadonlySet<number> = new Set();
/** Times beyond are no times; the codec's arithmetic is exact below. */
const MAX_TIME_MS = 2 ** 52;

/** What {@link Head.append} did, with the samples it took as columns. */
export interface HeadAppend {
  readonly repeated: number;
  /** How many of the accepted and the repeated ones are native histograms. */
  readonly histograms: number;
  readonly rejected: Record<RejectReason, number>;
  readonly rejectedTotal: number;
  readonly firstRejection: Rejection | null;
  /** Where start times change by the samples taken, or null. */
  readonly starts: StartChanges | null;
  /** Samples taken; the first so many entries of `rows` and `samples` are theirs. */
  readonly accepted: number;
  /** The row of each sample taken; valid until the next append. */
  readonly rows: Uint32Array;
  /** The index of each sample taken in the batch's columns; valid until the next append. */
  readonly samples: Uint32Array;
}

/** How much room a head has taken, in things rather than bytes. */
export interface HeadFootprint extends IndexFootprint {
  readonly sampleBytes: number;
  readonly selections: number;
  /** Rows that wait until no query can know them. */
  readonly quarantined: number;
  readonly lateRows: number;
  readonly earlierStarts: number;
}

/** Series and samples in memory. It knows no disk and no clock. */
export class Head {
  readonly #options: HeadOptions;
  readonly #index = new SeriesIndex();
  readonly #samples = new RowSamples();
  /** What others read; the head itself sees what has been deleted, so that it is not taken a second time. */
  readonly #visible = new HiddenRows(this.#samples);
  readonly #selections: SelectionCache;
  #acceptedRows = new Uint32Array(1_024);
  #acceptedSamples = new Uint32Array(1_024);
  readonly #probe = createSampleWindow();
  /** Removed rows with the time from which they may be used again. */
  readonly #quarantine: { readonly untilMs: number; readonly rows: readonly number[] }[] = [];
  #minMs = Infinity;
  #maxMs = -Infinity;
  #createdSeries = 0;
  #removedSeries = 0;
  /** Samples before this have been handed on; those that come for it later are remembered below. */
  #handedOnMs = -Infinity;
  /** Time of the oldest sample that has not been handed on. */
  #oldestNewMs = Infinity;
  readonly #lateRows = new Set<number>();
  readonly #budgets: SeriesBudgets;
  /** What there is of series, names and values. */
  readonly lookups: HeadLookups;

  constructor(options: HeadOptions) {
    this.#options = options;
    this.#budgets = new SeriesBudgets(this.#index, options.seriesBudgets);
    this.lookups = new HeadLookups(this.#index, this.#samples, this);
    this.#selections = new SelectionCache(this.#index, this.#visible, MAX_SELECTIONS);
  }

  get seriesCount(): number {
    return this.#index.seriesCount;
  }

  get labelPairCount(): number {
    return this.#index.pairCount;
  }

  get chunkCount(): number {
    return this.#samples.chunkCount;
  }

  get outOfOrderSampleCount(): number {
    return this.#samples.lateSampleCount;
  }

  get sampleBytes(): number {
    return this.#samples.bytes;
  }

  get footprint(): HeadFootprint {
    return {
      ...this.#index.footprint,
      sampleBytes: this.#samples.bytes,
      selections: this.#selections.size,
      quarantined: this.#quarantine.reduce((sum, { rows }) => sum + rows.length, 0),
      lateRows: this.#lateRows.size,
      earlierStarts: this.starts.earlierCount,
    };
  }

  get createdSeries(): number {
    return this.#createdSeries;
  }

  get removedSeries(): number {
    return this.#removedSeries;
  }

  /** Who has asked for more series than its budget allows, and how often that was refused; the first thousand of them. */
  get offenders(): readonly BudgetOffender[] {
    return this.#budgets.offenders;
  }

  /** Time of the oldest sample, Infinity without any. May lag behind what retention has dropped. */
  get minTimeMs(): number {
    return this.#minMs;
  }

  /** Time of the youngest sample, -Infinity without any. */
  get maxTimeMs(): number {
    return this.#maxMs;
  }

  /** When the counting of each row's samples began. */
  get starts(): StartTimes {
    return this.#samples.starts;
  }

  labelsOf(row: number): Labels {
    return this.#index.labelsOf(row);
  }

  /** All samples before this time have been handed on, but for those of rows that {@link isLate} names. */
  get handedOnMs(): number {
    return this.#handedOnMs;
  }

  /** Whether a row has got samples for a time that had been handed on. */
  isLate(row: number): boolean {
    return this.#lateRows.size > 0 && this.#lateRows.has(row);
  }

  /** Time of the oldest sample that {@link handedOn} has not been told of, Infinity without any. */
  get oldestNewMs(): number {
    return this.#oldestNewMs;
  }

  /**
   * Rows that may have samples in the range and among them some that have not been handed on: all of them, or, in a time
   * that was handed on before, those that got samples late. No series may be removed meanwhile.
   */
  async rowsToHandOn(minMs: number, maxMs: number, pace: Pace): Promise<number[]> {
    const rows: number[] = [];
    if (minMs < this.#handedOnMs) {
      for (const row of this.#lateRows)
        if (this.#samples.reaches(row, minMs, maxMs)) rows.push(row);
      return rows;
    }
    const { rowCount } = this.#index;
    for (let row = 0; row < rowCount; row++) {
      if (this.#index.isLive(row) && this.#samples.reaches(row, minMs, maxMs)) rows.push(row);
      if (row % ROWS_PER_CHECK === 0 && pace.isDue()) await pace.rest();
    }
    return rows;
  }

  /** Sorts rows by their labels; no series may be removed meanwhile. */
  sortRows(rows: number[], pace: Pace): Promise<void> {
    return this.#index.sortRows(rows, pace);
  }

  /** Tells that all samples before a time are kept elsewhere. None may have been added since they were read. */
  handedOn(beforeMs: number): void {
    // It may go back, after a clock that was ahead: what follows is then handed on once more, and doubles do no harm.
    this.#handedOnMs = beforeMs;
    this.#lateRows.clear();
    this.#oldestNewMs = this.#maxMs >= beforeMs ? beforeMs : Infinity;
  }

  /**
   * Takes what it may of a batch. A sample that is there already with the same bits counts as repeated; everything else
   * not taken is counted under its reason. A series is only created for a sample that is taken.
   */
  append(batch: SampleBatch, nowMs: number): HeadAppend {
    const rejected = noRejections();
    let rejectedTotal = 0;
    let firstRejection: Rejection | null = null;
    let repeated = 0;
    let histogramCount = 0;
    let accepted = 0;
    if (this.#acceptedRows.length < batch.sampleCount) {
      this.#acceptedRows = new Uint32Array(batch.sampleCount);
      this.#acceptedSamples = new Uint32Array(batch.sampleCount);
    }
    const { timesMs, values, firstSample, histograms, startTimesMs } = batch;
    const starts: StartChanges | null =
      startTimesMs !== null || this.starts.isUsed ? { rows: [], fromMs: [], startsMs: [] } : null;
    const words = wordsOf(values);
    const newestMs = nowMs + this.#options.futureToleranceMs;
    const oldestMs = nowMs - this.#options.retentionMs;
    // One straight loop: its steps share their locals, and a call per sample would cost as much as the sample.
    for (let series = 0; series < batch.labels.length; series++) {
      const labels = batch.labels[series]!;
      let row = this.#index.find(labels);
      const problem: RejectReason | null = row < 0 ? this.#problemOf(labels) : null;
      for (let i = firstSample[series]!; i < firstSample[series + 1]!; i++) {
        const timeMs = timesMs[i]!;
        let reason = problem;
        if (reason === null) {
          if (!(timeMs > -MAX_TIME_MS && timeMs < MAX_TIME_MS) || timeMs !== Math.floor(timeMs)) {
            reason = 'invalid_time';
          } else if (timeMs > newestMs) reason = 'too_far_in_future';
          else if (timeMs < oldestMs) reason = 'too_old';
        }
        if (reason === null) {
          if (row < 0) row = this.#createSeries(labels);
          const histogram = histograms === null ? null : (histograms[i] ?? null);
          if (histogram !== null) {
            const verdict = this.#takeHistogram(row, timeMs, histogram);
            if (verdict === null || verdict === 'repeated') histogramCount++;
            if (verdict === 'repeated') {
              repeated++;
              continue;
            }
            reason = verdict;
          } else if (timeMs > this.#samples.lastMs(row)) {
            this.#samples.push(row, timeMs, words[2 * i]!, words[2 * i + 1]!);
          } else {
            const late = this.#takeLate(row, timeMs, words[2 * i]!, words[2 * i + 1]!);
            if (late === 'repeated') {
              repeated++;
              continue;
            }
            reason = late;
          }
        }
        if (reason === null) {
          this.#acceptedRows[accepted] = row;
          this.#acceptedSamples[accepted++] = i;
          if (timeMs > this.#maxMs) this.#maxMs = timeMs;
          if (timeMs < this.#minMs) this.#minMs = timeMs;
          if (timeMs < this.#oldestNewMs) this.#oldestNewMs = timeMs;
          if (timeMs < this.#handedOnMs) this.#lateRows.add(row);
          if (starts !== null) {
            const startMs = startTimesMs === null ? 0 : startTimesMs[i]!;
            this.#noteStart(row, timeMs, startMs, starts);
          }
          continue;
        }
        rejected[reason]++;
        rejectedTotal++;
        firstRejection ??= {
          reason,
          series: labels.toString().slice(0, MAX_NAMED_SERIES),
          timeMs,
        };
      }
    }
    return {
      repeated,
      histograms: histogramCount,
      rejected,
      rejectedTotal,
      firstRejection,
      starts: starts === null || starts.rows.length === 0 ? null : starts,
      accepted,
      rows: this.#acceptedRows,
      samples: this.#acceptedSamples,
    };
  }

  /** A start that is no time, or after its sample, is taken for not known. */
  #noteStart(row: number, timeMs: number, startMs: number, changes: StartChanges): void {
    const isTime = startMs > 0 && startMs <= timeMs && startMs === Math.floor(startMs);
    const isLate = timeMs < this.#samples.lastMs(row);
    this.starts.note(row, timeMs, isTime ? startMs : 0, isLate, changes);
  }

  /** A start time read back from the log. */
  restoreStart(row: number, fromMs: number, startMs: number): void {
    this.starts.set(row, fromMs, startMs);
  }

  /** The row of a series read back from the log, created if need be; limits do not apply to what was acknowledged. */
  restoreSeries(labels: Labels): number {
    const before = this.#index.seriesCount;
    const row = this.#index.findOrAdd(labels);
    if (this.#index.seriesCount > before) this.#startRow(row);
    return row;
  }

  /**
   * A sample read back from the log, its value as two words in the machine's order. What is there already is left alone.
   * @returns whether it was new
   */
  restoreSample(row: number, timeMs: number, firstWord: number, secondWord: number): boolean {
    if (timeMs > this.#samples.lastMs(row)) {
      this.#samples.push(row, timeMs, firstWord, secondWord);
    } else {
      if (this.#probeAt(row, timeMs) >= 0) return false;
      this.#samples.insertLate(row, timeMs, firstWord, secondWord);
    }
    this.#noticeTime(row, timeMs);
    return true;
  }

  #noticeTime(row: number, timeMs: number): void {
    if (timeMs > this.#maxMs) this.#maxMs = timeMs;
    if (timeMs < this.#minMs) this.#minMs = timeMs;
    if (timeMs < this.#oldestNewMs) this.#oldestNewMs = timeMs;
    if (timeMs < this.#handedOnMs) this.#lateRows.add(row);
  }

  /** A histogram read back from the log; see {@link restoreSample}. */
  restoreHistogram(row: number, timeMs: number, histogram: FloatHistogram): boolean {
    if (timeMs <= this.#samples.lastMs(row) && this.#probeAt(row, timeMs) >= 0) return false;
    // A record holds the floats of a batch before its histograms, so one that was in order may come after a younger float.
    if (timeMs > this.#samples.lastHistogramMs(row)) {
      this.#samples.pushHistogram(row, timeMs, histogram);
    } else {
      this.#samples.insertLateHistogram(row, timeMs, histogram);
    }
    this.#noticeTime(row, timeMs);
    return true;
  }

  /** The series that fulfil all matchers; equal matchers get the same object, which is kept current. */
  select(matchers: readonly Matcher[]): Selection {
    return this.#selections.select(matchers);
  }

  /** Points `window` at samples of a row; see {@link Selection.read}. */
  read(row: number, minMs: number, maxMs: number, window: SampleWindow): void {
    this.#visible.read(row, minMs, maxMs, window);
  }

  /** Hides the samples in a range from every reader, of the series that there are. */
  hide(matchers: readonly Matcher[], range: TimeRange): void {
    this.#visible.hide(this.select(matchers).rows, range);
  }

  /** Drops what is beyond the retention; see {@link dropBefore}. */
  dropExpired(nowMs: number, pinned: ReadonlySet<number> = NO_ROWS): readonly number[] {
    return this.dropBefore(nowMs - this.#options.retentionMs, nowMs, pinned);
  }

  /**
   * Drops samples from before a time and the series that have none left, but for those in `pinned`. Some of the samples may
   * stay.
   * @param maxSeries drops so many series at most; a caller that gets as many asks again
   * @returns the rows that are free now, for whoever keeps something per row
   */
  dropBefore(
    cutoffMs: number,
    nowMs: number,
    pinned: ReadonlySet<number> = NO_ROWS,
    maxSeries = Infinity,
  ): readonly number[] {
    while (this.#quarantine.length > 0 && this.#quarantine[0]!.untilMs <= nowMs) {
      this.#index.releaseRows(this.#quarantine.shift()!.rows);
    }
    this.#selections.forgetUnused(nowMs);
    this.#samples.dropBefore(cutoffMs);
    this.#visible.forgetGone((row) => this.#samples.firstMs(row));
    const vanished: number[] = [];
    let minMs = Infinity;
    for (let row = 0; row < this.#index.rowCount; row++) {
      if (!this.#index.isLive(row)) continue;
      const isGone = this.#samples.lastMs(row) < cutoffMs && !pinned.has(row);
      if (isGone && vanished.length < maxSeries) vanished.push(row);
      else if (this.#samples.firstMs(row) < minMs) minMs = this.#samples.firstMs(row);
    }
    this.#minMs = Math.max(minMs, cutoffMs);
    if (vanished.length === 0) return vanished;
    for (const row of vanished) {
      this.#samples.clearRow(row);
      this.#visible.clearRow(row);
    }
    this.#index.remove(vanished);
    this.#removedSeries += vanished.length;
    this.#quarantine.push({ untilMs: nowMs + ROW_QUARANTINE_MS, rows: vanished });
    return vanished;
  }

  #problemOf(labels: Labels): RejectReason | null {
    const problem = labelProblem(labels, this.#options);
    if (problem !== null) return problem;
    if (this.#index.seriesCount >= this.#options.maxSeries) return 'series_limit';
    return this.#budgets.hasRoomFor(labels) ? null : 'series_budget';
  }

  #createSeries(labels: Labels): number {
    const row = this.#index.add(labels);
    this.#startRow(row);
    return row;
  }

  #startRow(row: number): void {
    this.#samples.startRow(row);
    this.#createdSeries++;
  }

  /** A native histogram: taken (null), known already, or refused. */
  #takeHistogram(
    row: number,
    timeMs: number,
    histogram: FloatHistogram,
  ): RejectReason | 'repeated' | null {
    if (timeMs > this.#samples.lastMs(row)) {
      this.#samples.pushHistogram(row, timeMs, histogram);
      return null;
    }
    if (this.#samples.isLastHistogram(row, timeMs, histogram)) return 'repeated';
    const at = this.#probeAt(row, timeMs);
    if (at >= 0) {
      const known = this.#probe.histograms?.[at] ?? null;
      return known !== null && histogramsEqual(known, histogram) ? 'repeated' : 'duplicate';
    }
    const problem = this.#lateProblem(row, timeMs);
    if (problem === null) this.#samples.insertLateHistogram(row, timeMs, histogram);
    return problem;
  }

  /** A sample that is not younger than all of its row: taken (null), known already, or refused. */
  #takeLate(
    row: number,
    timeMs: number,
    firstWord: number,
    secondWord: number,
  ): RejectReason | 'repeated' | null {
    const at = this.#probeAt(row, timeMs);
    if (at >= 0) {
      if ((this.#probe.histograms?.[at] ?? null) !== null) return 'duplicate';
      const words = wordsOf(this.#probe.values);
      const isSame = words[2 * at] === firstWord && words[2 * at + 1] === secondWord;
      return isSame ? 'repeated' : 'duplicate';
    }
    const problem = this.#lateProblem(row, timeMs);
    if (problem === null) this.#samples.insertLate(row, timeMs, firstWord, secondWord);
    return problem;
  }

  /** Why a sample may not come late, or null. */
  #lateProblem(row: number, timeMs: number): RejectReason | null {
    const { outOfOrderWindowMs, maxOutOfOrderSamples } = this.#options;
    if (outOfOrderWindowMs === 0) return 'out_of_order';
    if (timeMs < this.#samples.lastMs(row) - outOfOrderWindowMs) return 'too_old';
    return this.#samples.lateSampleCount >= maxOutOfOrderSamples ? 'out_of_order_limit' : null;
  }

  /** The index in the probe window of the row's sample at that time, or -1. */
  #probeAt(row: number, timeMs: number): number {
    this.#samples.read(row, timeMs, timeMs, this.#probe);
    return this.#probe.end > this.#probe.start ? this.#probe.start : -1;
  }
}

function wordsOf(values: Float64Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
}
