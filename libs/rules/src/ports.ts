import type { FloatHistogram } from '#libs/histogram';
import type { Labels } from '#libs/labels';
import type { Expr } from '#libs/promql';
import type { SampleBatch } from '#libs/samples';
import type { AlertState } from './alert-state.ts';

/** An instant vector: element `i` has `labels[i]` and `values[i]`, or `histograms[i]` where that is not null. */
export interface EvaluatedVector {
  readonly labels: readonly Labels[];
  readonly values: Float64Array;
  readonly histograms: readonly (FloatHistogram | null)[] | null;
}

/**
 * What the expressions of one round share: what two of them have in common is read and computed once. It has to be told of
 * every write in between, or a later expression would not see it.
 */
export interface SharedReads {
  /** Series of these metrics may have new samples; called when they are written. */
  wrote(metricNames: Iterable<string>): void;
}

/** An expression made ready, to be evaluated again and again. */
export interface PreparedExpression {
  /**
   * @param shared what an evaluator gave for the round, or null to read everything anew
   * @throws EvaluationError
   */
  evaluate(timeMs: number, shared: SharedReads | null): Promise<EvaluatedVector>;
}

/** Evaluates expressions, over the embedded store or elsewhere. */
export interface Evaluator {
  /** @param text the expression as written, for positions in messages */
  prepare(expr: Expr, text: string): PreparedExpression;
  /**
   * Begins a round of expressions that this evaluator prepared.
   * @returns null where they have nothing in common
   */
  share(expressions: readonly PreparedExpression[]): SharedReads | null;
  /**
   * Evaluates the text of a template's `query`.
   * @throws EvaluationError
   */
  query(text: string, timeMs: number): Promise<EvaluatedVector>;
}

/** An expression could not be evaluated; the message is for the rule's `lastError`. */
export class EvaluationError extends Error {
  override readonly name = 'EvaluationError';
}

/** Takes what rules give. */
export interface RuleSink {
  /**
   * Writes samples; when it resolves, the next expression sees them.
   * @throws an Error that becomes the rule's `lastError`
   */
  append(batch: SampleBatch): Promise<void>;
}

/** An alert as it goes to whoever notifies. It has the shape the dispatcher takes. */
export interface OutgoingAlert {
  /** The alert's labels and the external ones. */
  readonly labels: Labels;
  readonly annotations: Labels;
  /** When it began to fire. */
  readonly startsAtMs: number;
  /** When it was resolved, or until when it may be taken to fire if nothing more is heard. */
  readonly endsAtMs: number;
  /** A link to the expression's page. */
  readonly generatorUrl: string;
}

/** Takes alerts that fire or were resolved. It returns at once. */
export interface AlertSink {
  accept(alerts: readonly OutgoingAlert[], nowMs: number): void;
}

/** An alert as it is kept over a restart. */
export interface StoredAlert {
  /** Names and values in turn, as `Labels.flat`. */
  readonly labels: readonly string[];
  readonly annotations: readonly string[];
  readonly value: number;
  readonly state: AlertState;
  /** Since when its data has been missing while the rule holds it, or null. */
  readonly noDataSinceMs: number | null;
}

/** What a round changed. */
export type AlertStateChange =
  | {
      readonly kind: 'put';
      readonly rule: string;
      /** Identifies the alert within its rule. */
      readonly alert: string;
      readonly stored: StoredAlert;
    }
  | { readonly kind: 'delete'; readonly rule: string; readonly alert: string }
  /** A group with active alerts was evaluated; how long an outage lasted is told from this. */
  | { readonly kind: 'evaluated'; readonly group: string; readonly timeMs: number };

/** Everything that was kept. */
export interface StoredAlerts {
  /** By rule, then by alert. */
  readonly alerts: ReadonlyMap<string, ReadonlyMap<string, StoredAlert>>;
  readonly evaluatedAtMs: ReadonlyMap<string, number>;
}

/** Keeps the state of alerts on disk. */
export interface AlertStateStore {
  load(): Promise<StoredAlerts>;
  /** Resolves when the changes would survive a power cut; nothing of them is announced before. */
  save(changes: readonly AlertStateChange[]): Promise<void>;
}
