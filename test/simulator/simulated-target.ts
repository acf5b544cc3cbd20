import type { ScrapeOutcome } from '#libs/scrape';
import type { Simulation } from './simulation.ts';

/** When the shop of the scenario is not ready: from second `fromMs` on for `forMs`, relative to the start. */
export interface Outage {
  readonly fromMs: number;
  readonly forMs: number;
}

/** A scrape target whose samples carry a running number, and which fails now and then. */
export class SimulatedTarget {
  readonly #sim: Simulation;
  readonly #startMs: number;
  readonly #outages: readonly Outage[];
  readonly #failureRate: number;
  #requests = 0;

  constructor(sim: Simulation, outages: readonly Outage[], failureRate: number) {
    this.#sim = sim;
    this.#startMs = sim.nowMs();
    this.#outages = outages;
    this.#failureRate = failureRate;
  }

  isReady(atMs: number): boolean {
    const sinceMs = atMs - this.#startMs;
    return !this.#outages.some(
      ({ fromMs, forMs }) => sinceMs >= fromMs && sinceMs < fromMs + forMs,
    );
  }

  /** How many of the outages are longer than `leastMs`. */
  longOutages(leastMs: number): number {
    return this.#outages.filter(({ forMs }) => forMs > leastMs).length;
  }

  scrape(): ScrapeOutcome {
    const { random } = this.#sim;
    this.#requests++;
    if (random.chance(this.#failureRate)) {
      return random.chance(0.5)
        ? { kind: 'failure', reason: 'context deadline exceeded', durationSeconds: 1 }
        : { ...this.#respond('<html>overloaded</html>'), status: 503, statusText: 'Busy' };
    }
    const ready = this.isReady(this.#sim.nowMs()) ? 1 : 0;
    // A series that comes and goes, so that stale markers travel as well.
    const visitor = this.#requests % 7 < 3 ? 'shop_visitors{door="back"} 2\n' : '';
    return this.#respond(
      `# TYPE shop_requests_total counter\nshop_requests_total ${this.#requests}\n` +
        `# TYPE shop_ready gauge\nshop_ready ${ready}\n${visitor}`,
    );
  }

  #respond(text: string): Extract<ScrapeOutcome, { kind: 'response' }> {
    return {
      kind: 'response',
      status: 200,
      statusText: 'OK',
      contentType: 'text/plain; version=0.0.4',
      body: Buffer.from(text),
      durationSeconds: 0.01,
    };
  }
}
