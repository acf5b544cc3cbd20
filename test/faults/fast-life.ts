import { startTraffic, WRITERS } from './ledger-traffic.ts';
import type { EngineFaults } from './engine-faults.ts';
import { type Engine, spawnEngine } from './faulty-engine.ts';
import type { RunningProcess } from '../support/processes.ts';
import { SampleLedger } from './sample-ledger.ts';

const HOUR_MS = 3_600_000;
const BEHIND_MS = 600_000;
const RETENTION_HOURS = 24;

/**
 * Engines on one data directory, for which hours pass within a second: their clock follows the samples they are sent, so
 * that blocks become due, are joined and expire all the time.
 */
export class FastLife {
  readonly ledger: SampleLedger;
  readonly #dataDir: string;
  /** The latest time of day any engine was told. */
  #clockMs: number;

  /** @param before a life whose samples are to be found in this one, too */
  constructor(dataDir: string, before?: Pick<FastLife, 'ledger' | 'clockMs'>) {
    this.#dataDir = dataDir;
    this.ledger = before?.ledger ?? new SampleLedger(Date.UTC(2026, 2, 1), 30_000);
    this.#clockMs = before?.clockMs ?? this.ledger.youngestMs;
  }

  get clockMs(): number {
    return this.#clockMs;
  }

  /** A range that holds all there can be. */
  readonly range = `${RETENTION_HOURS + 2}h`;

  /** Waives what may be beyond the retention by now: an engine's clock goes on after it was told the time. */
  expire(): void {
    const oldestMs = this.#clockMs + BEHIND_MS - RETENTION_HOURS * HOUR_MS;
    this.ledger.waive((_, timeMs) => timeMs < oldestMs);
  }

  start(faults: Partial<EngineFaults>): Promise<RunningProcess> {
    return spawnEngine(this.#dataDir, {
      config: `storage: { retention_time: ${RETENTION_HOURS}h }\n`,
      faults: {
        clockOffsetMs: this.#advance(),
        intervalsMs: { 60_000: 50 },
        segmentBytes: 256 * 1_024,
        ...faults,
      },
    });
  }

  /** Sends samples, with the clock following them, until the engine ends or `until` resolves. */
  async write(
    { process: running, url }: Engine,
    until: Promise<unknown> = running.ended,
  ): Promise<void> {
    const { child } = running;
    const follow = setInterval(() => {
      if (child.connected) child.send({ clockOffsetMs: this.#advance() }, () => {});
    }, 20);
    try {
      // None falls so far behind the others that its samples are too old.
      const slowestMs = (): number =>
        Math.min(...WRITERS.map((series) => this.ledger.nextTimeOf(series)));
      const untilMs = (): number => Math.min(this.#clockMs + BEHIND_MS / 5, slowestMs() + HOUR_MS);
      const traffic = startTraffic({ process: running, url }, this.ledger, { untilMs });
      await Promise.race([until, running.ended, traffic.ended]);
      await traffic.stop();
    } finally {
      clearInterval(follow);
    }
  }

  #advance(): number {
    this.#clockMs = Math.max(this.#clockMs, this.ledger.youngestMs + BEHIND_MS);
    return this.#clockMs - Date.now();
  }
}
