import { type PostedSilence, parseMatchers, SILENCE_TERMS } from '#libs/dispatch';
import { Labels } from '#libs/labels';
import { SeededRandom, type Simulation } from './simulation.ts';

/** Where people put their silences. Each answer comes when it is on disk, or never. */
export interface SilenceDesk {
  put(silence: PostedSilence): Promise<string>;
  expire(id: string): Promise<void>;
}

/** People who silence and acknowledge what troubles them, and sometimes change their minds. */
export class SimulatedPeople {
  readonly #sim: Simulation;
  readonly #random: SeededRandom;
  readonly #desk: () => SilenceDesk | null;
  /** Silences that were answered with yes. */
  readonly acknowledged = new Set<string>();

  /** @param desk who takes silences just now; null while the engine is down */
  constructor(sim: Simulation, seed: number, desk: () => SilenceDesk | null) {
    this.#sim = sim;
    // A sequence of their own, so that people change nothing of the faults that a seed stands for.
    this.#random = new SeededRandom(seed ^ 0x51_1e_4c_e5);
    this.#desk = desk;
  }

  /** @param forMs how long they are about */
  start(forMs: number): void {
    const count = this.#random.chance(0.4) ? 0 : this.#random.between(1, 5);
    for (let i = 0; i < count; i++) {
      const isAcknowledgement = this.#random.chance(0.3);
      const lastsMs = this.#random.between(2_000, 70_000);
      const startsInMs = this.#random.chance(0.2) ? this.#random.between(0, 20_000) : 0;
      const expireAfterMs = this.#random.chance(0.4) ? this.#random.between(1_000, lastsMs) : null;
      this.#sim.after(this.#random.between(0, forMs), () => {
        void this.#silence(isAcknowledgement, startsInMs, lastsMs, expireAfterMs);
      });
    }
  }

  async #silence(
    isAcknowledgement: boolean,
    startsInMs: number,
    lastsMs: number,
    expireAfterMs: number | null,
  ): Promise<void> {
    const desk = this.#desk();
    if (desk === null) return;
    const startsAtMs = this.#sim.nowMs() + startsInMs;
    const terms = isAcknowledgement ? { [SILENCE_TERMS.endsWithAlerts]: 'true' } : {};
    let id: string;
    try {
      id = await desk.put({
        id: null,
        matchers: parseMatchers('alertname="ShopNotReady"'),
        startsAtMs,
        endsAtMs: startsAtMs + lastsMs,
        createdBy: 'somebody',
        comment: 'it is known',
        annotations: Labels.fromRecord(terms),
      });
    } catch {
      // Nothing fires that could be acknowledged.
      return;
    }
    this.#sim.note(`people: ${isAcknowledgement ? 'acknowledged' : 'silenced'} ${id}`);
    this.acknowledged.add(id);
    if (expireAfterMs !== null) this.#sim.after(expireAfterMs, () => void this.#end(id));
  }

  async #end(id: string): Promise<void> {
    const desk = this.#desk();
    if (desk === null) return;
    await desk.expire(id);
    this.#sim.note(`people: ended ${id}`);
  }
}
