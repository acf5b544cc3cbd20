import type { Labels, Matcher } from '#libs/labels';

/** A span of time in which alerts that match are not announced. */
export interface Silence {
  readonly id: string;
  /** At least one; at least one of them refuses the empty string. */
  readonly matchers: readonly Matcher[];
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly updatedAtMs: number;
  readonly createdBy: string;
  readonly comment: string;
  /** Whatever clients keep there, and what {@link readSilenceTerms} reads. */
  readonly annotations: Labels;
}

export type SilenceState = 'pending' | 'active' | 'expired';

/** Where a silence stands at `nowMs`. */
export function silenceState({ startsAtMs, endsAtMs }: Silence, nowMs: number): SilenceState {
  if (nowMs < startsAtMs) return 'pending';
  return nowMs < endsAtMs ? 'active' : 'expired';
}

/** What a client asks for. */
export interface PostedSilence {
  /** The silence to change; null for a new one. */
  readonly id: string | null;
  readonly matchers: readonly Matcher[];
  /** In the past means from now on. */
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly createdBy: string;
  readonly comment: string;
  /** Null leaves those of the silence that is changed: most clients know nothing of them. */
  readonly annotations: Labels | null;
}

/** One change of what is known of silences; null: it is not known any more. */
export interface SilenceChange {
  readonly id: string;
  readonly silence: Silence | null;
}

/** A silence that is refused. */
export class SilenceError extends Error {
  override readonly name = 'SilenceError';
  readonly code: 'not-found' | 'invalid' | 'limit';
  constructor(code: SilenceError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Whether a silence fits the conditions of a query, which are on the texts of its matchers: `job=~"a.*"` counts as a label
 * `job` with the value `a.*`, as in Alertmanager.
 */
export function silenceFits(silence: Silence, conditions: readonly Matcher[]): boolean {
  return conditions.every((condition) => {
    const own = silence.matchers.findLast(({ name }) => name === condition.name);
    const isNegative = condition.kind === '!=' || condition.kind === '!~';
    if (condition.value === '' && isNegative === (own !== undefined)) return true;
    return condition.matches(own?.value ?? '');
  });
}

const STATE_ORDER: readonly SilenceState[] = ['active', 'pending', 'expired'];

/**
 * Alertmanager's order: active ones that end first, then pending ones that start first, then expired ones that ended last.
 */
export function compareSilences(a: Silence, b: Silence, nowMs: number): number {
  const state = silenceState(a, nowMs);
  const order = STATE_ORDER.indexOf(state) - STATE_ORDER.indexOf(silenceState(b, nowMs));
  if (order !== 0) return order;
  if (state === 'active') return a.endsAtMs - b.endsAtMs;
  return state === 'pending' ? a.startsAtMs - b.startsAtMs : b.endsAtMs - a.endsAtMs;
}
