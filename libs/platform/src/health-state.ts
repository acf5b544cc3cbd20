/** Why something is not ready, as `/readyz` shows it. */
export interface HealthCheck {
  readonly name: string;
  readonly isReady: boolean;
  readonly detail: string;
}

/**
 * What the parts of an app say about their readiness. A part registers itself as not ready while modules are built, and
 * says so when it is. Liveness is the event loop answering at all.
 */
export class HealthState {
  readonly #checks = new Map<string, HealthCheck>();
  #isStopping = false;

  set(name: string, isReady: boolean, detail = ''): void {
    this.#checks.set(name, { name, isReady, detail });
  }

  /** Turns readiness off for good: the app is going down. */
  stop(): void {
    this.#isStopping = true;
  }

  get isReady(): boolean {
    return !this.#isStopping && [...this.#checks.values()].every((check) => check.isReady);
  }

  /** Every part's state, in the order of registration. */
  get checks(): readonly HealthCheck[] {
    const checks = [...this.#checks.values()];
    if (this.#isStopping) checks.push({ name: 'shutdown', isReady: false, detail: 'stopping' });
    return checks;
  }
}
