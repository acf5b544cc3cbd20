import type { ContainerView, DeclaredProbe } from './declared-probe.ts';

/** Until somebody has asked: live, not ready, and of the start nothing is known. */
const INITIAL_VERDICTS = { Liveness: true, Readiness: false, Startup: null } as const;

/**
 * What the kubelet would make of a probe's results. It takes the same rules: delays, thresholds, no liveness before the
 * start, and after a failed liveness or startup probe nothing until the container is a new one.
 */
export class ShadowProbe {
  readonly #probe: DeclaredProbe;
  #containerId = '';
  #verdict: boolean | null;
  #lastResult: boolean | null = null;
  #resultRun = 0;
  #isOnHold = false;

  constructor(probe: DeclaredProbe) {
    this.#probe = probe;
    this.#verdict = INITIAL_VERDICTS[probe.probeType];
  }

  /** Null while nothing is known. */
  get verdict(): boolean | null {
    return this.#verdict;
  }

  /** Whether somebody has asked since the container started. */
  get hasResult(): boolean {
    return this.#lastResult !== null;
  }

  /** How many times in a row the last result has come. */
  get resultRun(): number {
    return this.#resultRun;
  }

  /** Whether it is time to ask, a period after the last time. */
  isDue(view: ContainerView, nowMs: number): boolean {
    const { probeType, initialDelayMs } = this.#probe;
    if (view.id !== this.#containerId) this.#begin(view.id);
    if (this.#isOnHold || view.id === '') return false;
    if (view.startedAtMs === null) {
      this.#verdict = false;
      return false;
    }
    // A container that is being ended is not to be restarted; whether it still takes requests matters.
    if (view.isEnding && probeType !== 'Readiness') return false;
    if (nowMs - view.startedAtMs < initialDelayMs) return false;
    return probeType === 'Startup' ? !view.hasStarted : view.hasStarted;
  }

  /** Takes the result of a probe. @returns whether the verdict has changed */
  observed(isSuccess: boolean): boolean {
    const { probeType, successThreshold, failureThreshold } = this.#probe;
    this.#resultRun = this.#lastResult === isSuccess ? this.#resultRun + 1 : 1;
    this.#lastResult = isSuccess;
    if (this.#resultRun < (isSuccess ? successThreshold : failureThreshold)) return false;
    const hasChanged = this.#verdict !== isSuccess;
    this.#verdict = isSuccess;
    if (!isSuccess && probeType !== 'Readiness') {
      // The container is about to be ended; more results would be those of a dying one.
      this.#isOnHold = true;
      this.#resultRun = 0;
    }
    return hasChanged;
  }

  /**
   * What the kubelet has made of its own results, as far as its status tells.
   * @returns null where it does not
   */
  kubeletVerdict(view: ContainerView): boolean | null {
    if (view.startedAtMs === null) return null;
    switch (this.#probe.probeType) {
      case 'Readiness':
        return view.isReady;
      case 'Startup':
        return view.hasStarted;
      case 'Liveness':
        // One that failed it would not run for long.
        return true;
    }
  }

  /** Whether the two disagree; null before there is anything to compare. */
  mismatch(view: ContainerView): boolean | null {
    const kubelet = this.kubeletVerdict(view);
    if (kubelet === null || this.#lastResult === null || this.#verdict === null) return null;
    if (view.id !== this.#containerId) return null;
    return kubelet !== this.#verdict;
  }

  #begin(containerId: string): void {
    this.#containerId = containerId;
    this.#verdict = INITIAL_VERDICTS[this.#probe.probeType];
    this.#lastResult = null;
    this.#resultRun = 0;
    this.#isOnHold = false;
  }
}
