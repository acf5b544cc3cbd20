import type { GoFunction } from '#libs/go-template';
import type { FloatHistogram } from '#libs/histogram';
import type { Labels } from '#libs/labels';
import type { OutageOptions } from './alert-state.ts';
import type { AlertSink, AlertStateStore, Evaluator, RuleSink, SharedReads } from './ports.ts';

/** Where rules read and write. */
export interface RuleSource {
  readonly evaluator: Evaluator;
  readonly sink: RuleSink;
  /** `query_offset` of groups that name none. */
  readonly defaultQueryOffsetMs: number;
  /** Whether samples that rules may react to are told as they come in. */
  readonly isWatched: boolean;
}

/** What all rules of a source share. */
export interface RuleContext {
  readonly source: RuleSource;
  readonly alertSink: AlertSink;
  readonly stateStore: AlertStateStore;
  readonly externalLabels: Labels;
  readonly externalUrl: string;
  readonly templateFunctions: ReadonlyMap<string, GoFunction>;
  /** Milliseconds from any origin, for durations and time budgets. */
  readonly clockMs: () => number;
  /** Lets the event loop turn once. */
  readonly yieldToLoop: () => Promise<void>;
  readonly timing: RuleTimingOptions;
}

/** Times and bounds with the values Prometheus has, as far as it has them. */
export interface RuleTimingOptions extends OutageOptions {
  /** Interval of groups that name none. */
  readonly defaultIntervalMs: number;
  /** A firing alert is sent again after this long. */
  readonly resendDelayMs: number;
  /** A resolved alert is sent again, and shown to whoever asks, for this long. */
  readonly resolvedRetentionMs: number;
  /** After a start, alerts restored from disk are not resolved for this long: the data may not have come in yet. */
  readonly settleMs: number;
  /** All templates of one rule's round together. */
  readonly templateTimeMs: number;
}

export const DEFAULT_RULE_TIMING: RuleTimingOptions = {
  defaultIntervalMs: 60_000,
  resendDelayMs: 60_000,
  resolvedRetentionMs: 15 * 60_000,
  settleMs: 120_000,
  templateTimeMs: 5_000,
  toleranceMs: 3_600_000,
  graceMs: 600_000,
};

/** One round of one group. */
export interface Round {
  /** The moment the group was due; the state of alerts goes by it. */
  readonly slotMs: number;
  /** The moment expressions are evaluated for: the slot less the query offset. */
  readonly evaluationMs: number;
  readonly intervalMs: number;
  /** Most series or alerts per rule, 0 for no limit. */
  readonly limit: number;
  /** What the round's expressions share, or null. */
  readonly shared: SharedReads | null;
}

/** What a rule wrote: labels and values of one moment, in columns; or a native histogram where that is not null. */
export interface RuleOutput {
  readonly labels: readonly Labels[];
  readonly values: Float64Array;
  readonly histograms: readonly (FloatHistogram | null)[] | null;
}
