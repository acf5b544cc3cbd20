/** Where one alert stands. Times are milliseconds since the epoch, those of the evaluations that saw it. */
export type AlertState =
  | {
      readonly kind: 'inactive';
      /** When it had fired and stopped, or null where it never fired. */
      readonly resolvedAtMs: number | null;
      readonly firedAtMs: number | null;
    }
  | { readonly kind: 'pending'; readonly activeAtMs: number }
  | {
      readonly kind: 'firing';
      readonly activeAtMs: number;
      readonly firedAtMs: number;
      /** Since when the expression has not held while `keep_firing_for` keeps the alert, or null. */
      readonly missingSinceMs: number | null;
    };

/** What the rule says about time. */
export interface AlertTiming {
  /** `for`. */
  readonly holdMs: number;
  /** `keep_firing_for`. */
  readonly keepFiringMs: number;
}

/** An alert that never was. */
export const NEVER_ACTIVE: AlertState = { kind: 'inactive', resolvedAtMs: null, firedAtMs: null };

/** The state after one evaluation at `nowMs`, in which the expression held or not. */
export function nextAlertState(
  state: AlertState,
  holds: boolean,
  nowMs: number,
  timing: AlertTiming,
): AlertState {
  switch (state.kind) {
    case 'inactive':
      return holds ? whenHeldLongEnough(nowMs, nowMs, timing) : state;
    case 'pending':
      return holds ? whenHeldLongEnough(state.activeAtMs, nowMs, timing) : NEVER_ACTIVE;
    case 'firing': {
      if (holds) return state.missingSinceMs === null ? state : { ...state, missingSinceMs: null };
      const missingSinceMs = state.missingSinceMs ?? nowMs;
      if (nowMs - missingSinceMs >= timing.keepFiringMs) {
        return { kind: 'inactive', resolvedAtMs: nowMs, firedAtMs: state.firedAtMs };
      }
      return state.missingSinceMs === null ? { ...state, missingSinceMs } : state;
    }
  }
}

function whenHeldLongEnough(
  activeAtMs: number,
  nowMs: number,
  { holdMs }: AlertTiming,
): AlertState {
  if (nowMs - activeAtMs < holdMs) return { kind: 'pending', activeAtMs };
  return { kind: 'firing', activeAtMs, firedAtMs: nowMs, missingSinceMs: null };
}

/** How a time without evaluations counts for alerts that were waiting for their `for`. */
export interface OutageOptions {
  /** Longest outage after which a pending alert goes on; longer, and it starts anew. */
  readonly toleranceMs: number;
  /** A long `for` that had nearly passed still waits this long, so that recovering data can end it first. */
  readonly graceMs: number;
}

/**
 * The state an alert goes on with at `nowMs` after no evaluation since `downAtMs`. A firing alert fires on, however long
 * it was; a pending one has the outage taken out of its waiting (Prometheus's rules of `for` restoration, except that
 * a `for` shorter than the grace is continued as well instead of being reset).
 */
export function stateAfterOutage(
  state: AlertState,
  downAtMs: number,
  nowMs: number,
  timing: AlertTiming,
  outage: OutageOptions,
): AlertState {
  if (state.kind !== 'pending') return state;
  const downMs = Math.max(0, nowMs - downAtMs);
  if (downMs > outage.toleranceMs) return NEVER_ACTIVE;
  const remainingMs = timing.holdMs - (downAtMs - state.activeAtMs);
  if (remainingMs <= 0) return state;
  const waitsForGrace = timing.holdMs >= outage.graceMs && remainingMs < outage.graceMs;
  const activeAtMs = waitsForGrace
    ? nowMs + outage.graceMs - timing.holdMs
    : state.activeAtMs + downMs;
  return { kind: 'pending', activeAtMs };
}
