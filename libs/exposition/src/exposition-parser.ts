import type { FloatHistogram } from '#libs/histogram';
import type { Labels } from '#libs/labels';

/** What a part of a metrics body says: `series` is a sample that is a number, `histogram` one that is a native histogram. */
export type ExpositionEntry = 'type' | 'help' | 'unit' | 'comment' | 'series' | 'histogram';

/** The formats a body can be written in. */
export type WrittenFormat = 'text' | 'openmetrics';

/** The formats a body can be read in. */
export type ExpositionFormat = WrittenFormat | 'protobuf';

/** What a metric family measures, in OpenMetrics' words; the text format's `untyped` is `unknown` here. */
export type MetricType =
  | 'counter'
  | 'gauge'
  | 'histogram'
  | 'gaugehistogram'
  | 'summary'
  | 'info'
  | 'stateset'
  | 'unknown';

/** One exemplar of a series. `timestampMs` is NaN where the body gives none. */
export interface Exemplar {
  readonly labels: Labels;
  readonly value: number;
  readonly timestampMs: number;
}

export const NO_EXEMPLARS: readonly Exemplar[] = [];

/**
 * A cursor over one metrics body. `next` steps from entry to entry; the fields then describe the entry it answered,
 * until the next step. Nothing is decoded before it is asked for, so a caller that knows a series by its raw bytes
 * (`bytes` from `seriesStart` to `seriesEnd`) pays for no string at all. Those bytes are valid until the next step: copy
 * what outlives it. What is said of a series holds for a native histogram, too, but for its value.
 */
export interface ExpositionParser {
  /** Where the bytes lie that tell series apart: the body, or what a parser makes of it. */
  readonly bytes: Buffer;

  /**
   * Steps to the next entry.
   * @returns what kind it is, or null at the end of the body
   * @throws ExpositionError at the first line that cannot be read; the parser is of no use afterwards
   */
  next(): ExpositionEntry | null;

  /** Of a series: where its name and labels begin in `bytes`. */
  readonly seriesStart: number;
  /** Of a series: where its name and labels end in `bytes`. */
  readonly seriesEnd: number;
  /** Of a series: its value. NaN has lost its bits here; `valueColumn` keeps them. */
  readonly value: number;
  /** Of a series: its value in a column of one, for `SampleBatchBuilder.addSampleFrom`. The same array all along. */
  readonly valueColumn: Float64Array;
  /** Of a series: its own timestamp in milliseconds, or NaN where it has none. */
  readonly timestampMs: number;

  /**
   * Of a series: its labels, `__name__` among them, sorted, without empty ones, `le` and `quantile` of histograms and
   * summaries written as Prometheus 3 does (`1` as `1.0`).
   * @throws ExpositionError for a label name given twice and for names that are not UTF-8: sets no store can keep
   */
  labels(): Labels;

  /**
   * Of a series: names and values in turn as the body has them, the metric name first; bounds normalised, but nothing
   * sorted, dropped or checked.
   */
  flatLabels(): string[];

  /** Of a native histogram: itself, with the bounds of its buckets as they came; nothing of it has been checked. */
  histogram(): FloatHistogram;
  /** Of a native histogram: whether it counts in integers, so that its buckets have to add up to its count. */
  readonly isIntegerHistogram: boolean;

  /** Of a series: its exemplars, in the order of the body. */
  exemplars(): readonly Exemplar[];

  /**
   * Of a series: when it was created, in milliseconds, or NaN. In OpenMetrics a `_created` line says it, for which the
   * parser looks ahead in the body the first time it is asked.
   */
  createdMs(): number;

  /** Of type, help and unit: the metric family's name. */
  metricFamily(): string;
  /** Of help: the text, unescaped; of unit: the unit; of a comment: the line from its `#` on. */
  text(): string;
  /** Of type, and of the series after it: what the last TYPE line said, `unknown` before the first. */
  readonly metricType: MetricType;

  /** The line of the last entry, from 1; counted when asked. 0 in a format without lines. */
  line(): number;
}

/** A body that cannot be read: where, and why. One such line fails the whole body. */
export class ExpositionError extends Error {
  override readonly name = 'ExpositionError';
  /** From 1; 0 in a format without lines. */
  readonly line: number;
  /** Offset of the byte at which reading stopped. */
  readonly offset: number;
  /** The message without its place. */
  readonly reason: string;
  constructor(reason: string, place: { readonly line: number; readonly offset: number }) {
    super(place.line > 0 ? `line ${place.line}: ${reason}` : `byte ${place.offset}: ${reason}`);
    this.reason = reason;
    this.line = place.line;
    this.offset = place.offset;
  }
}
