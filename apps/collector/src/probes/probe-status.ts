import type { ProbeVerdict } from '#libs/probes';

/** How the last probe of a target went. Times are NaN before the first. */
export interface ProbeStatus {
  readonly verdict: ProbeVerdict | null;
  readonly lastProbeMs: number;
  readonly lastSuccessMs: number;
  readonly lastDurationSeconds: number;
  readonly failuresInARow: number;
}

/** Before the first probe. */
export const NEVER_PROBED: ProbeStatus = {
  verdict: null,
  lastProbeMs: Number.NaN,
  lastSuccessMs: Number.NaN,
  lastDurationSeconds: 0,
  failuresInARow: 0,
};

/** The status after one more probe, begun at `timeMs`. */
export function nextProbeStatus(
  status: ProbeStatus,
  verdict: ProbeVerdict,
  timeMs: number,
  durationSeconds: number,
): ProbeStatus {
  const isSuccess = verdict.failure === null;
  return {
    verdict,
    lastProbeMs: timeMs,
    lastSuccessMs: isSuccess ? timeMs : status.lastSuccessMs,
    lastDurationSeconds: durationSeconds,
    failuresInARow: isSuccess ? 0 : status.failuresInARow + 1,
  };
}
