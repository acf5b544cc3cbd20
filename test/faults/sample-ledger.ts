/** Samples of one series, by their time. */
export type SeriesSamples = ReadonlyMap<number, number>;

/**
 * The oracle of a fault test: it issues samples, each with a value of its own, records which of them were acknowledged,
 * and says afterwards what is missing and what was never sent.
 */
export class SampleLedger {
  #issued = new Map<string, Map<number, number>>();
  readonly #acknowledged = new Map<string, Set<number>>();
  readonly #clocks = new Map<string, number>();
  #startMs: number;
  readonly #stepMs: number;
  #nextValue = 1;

  /** @param startMs time of each series' first sample; they follow one another by `stepMs` */
  constructor(startMs: number, stepMs = 1) {
    this.#startMs = startMs;
    this.#stepMs = stepMs;
  }

  get acknowledgedCount(): number {
    let count = 0;
    for (const times of this.#acknowledged.values()) count += times.size;
    return count;
  }

  /** Time of the sample that a series gets next. */
  nextTimeOf(series: string): number {
    return this.#clocks.get(series) ?? this.#startMs;
  }

  /** Time of the youngest sample issued. */
  get youngestMs(): number {
    return Math.max(this.#startMs, ...this.#clocks.values()) - this.#stepMs;
  }

  /** Samples issued from now on are so much later, or earlier, than they would have been. */
  shift(byMs: number): void {
    this.#startMs += byMs;
    for (const [series, timeMs] of this.#clocks) this.#clocks.set(series, timeMs + byMs);
  }

  /** The ledger as it is now; what is acknowledged later is no obligation of the copy. */
  snapshot(): SampleLedger {
    const copy = new SampleLedger(this.#startMs, this.#stepMs);
    // What is sent meanwhile may be found, and is not invented.
    copy.#issued = this.#issued;
    for (const [series, times] of this.#acknowledged) {
      copy.#acknowledged.set(series, new Set(times));
    }
    return copy;
  }

  /** Takes back what was promised of samples that a test destroys or that expire. */
  waive(isWaived: (series: string, timeMs: number) => boolean): void {
    for (const [series, times] of this.#acknowledged) {
      for (const timeMs of times) if (isWaived(series, timeMs)) times.delete(timeMs);
    }
  }

  /** The next samples of a series, to be sent. */
  issue(series: string, count: number): [timeMs: number, value: number][] {
    const samples: [number, number][] = [];
    const issued = this.#issued.get(series) ?? new Map<number, number>();
    this.#issued.set(series, issued);
    for (let i = 0; i < count; i++) {
      const timeMs = this.#clocks.get(series) ?? this.#startMs;
      this.#clocks.set(series, timeMs + this.#stepMs);
      issued.set(timeMs, this.#nextValue);
      samples.push([timeMs, this.#nextValue++]);
    }
    return samples;
  }

  /** From here on these samples must never be missing. */
  acknowledge(
    series: string,
    samples: readonly (readonly [timeMs: number, value: number])[],
  ): void {
    const times = this.#acknowledged.get(series) ?? new Set<number>();
    this.#acknowledged.set(series, times);
    for (const [timeMs] of samples) times.add(timeMs);
  }

  /** What contradicts the ledger; empty if all is well. */
  audit(found: ReadonlyMap<string, SeriesSamples>): { lost: string[]; invented: string[] } {
    const lost: string[] = [];
    const invented: string[] = [];
    for (const [series, times] of this.#acknowledged) {
      for (const timeMs of times) {
        const value = this.#issued.get(series)?.get(timeMs);
        if (found.get(series)?.get(timeMs) !== value) lost.push(`${series}@${timeMs}=${value}`);
      }
    }
    for (const [series, samples] of found) {
      for (const [timeMs, value] of samples) {
        if (this.#issued.get(series)?.get(timeMs) !== value) {
          invented.push(`${series}@${timeMs}=${value}`);
        }
      }
    }
    return { lost, invented };
  }
}
