/** Samples of one series, by their time. */
export type SeriesSamples = ReadonlyMap<number, number>;

/**
 * The oracle of a fault test: it issues samples, each with a value of its own, records which of them were acknowledged,
 * and says afterwards what is missing and what was never sent.
 */
export class SampleLedger {
  readonly #issued = new Map<string, Map<number, number>>();
  readonly #acknowledged = new Map<string, Set<number>>();
  readonly #clocks = new Map<string, number>();
  readonly #startMs: number;
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
