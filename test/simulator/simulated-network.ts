import { answerOf, type WriteAnswer } from '#libs/remote-write';
import type { Simulation } from './simulation.ts';

/** How often a request meets which fate, as probabilities. */
export interface NetworkFaults {
  /** The request never arrives. */
  readonly lostRequests: number;
  /** It arrives and is answered, but the answer never comes back. */
  readonly lostAnswers: number;
  /** It arrives a second time, seconds later. */
  readonly repeatedRequests: number;
}

/** Where requests go: answers with a status, or null while nobody is there. */
export type RequestHandler = (body: Buffer) => Promise<number> | null;

const TIMEOUT_MS = 5_000;

/** The way between collector and engine: slow, and it loses and repeats things. */
export class SimulatedNetwork {
  readonly #sim: Simulation;
  readonly #faults: NetworkFaults;
  #handler: RequestHandler = () => null;

  constructor(sim: Simulation, faults: NetworkFaults) {
    this.#sim = sim;
    this.#faults = faults;
  }

  connect(handler: RequestHandler): void {
    this.#handler = handler;
  }

  /** Sends a request; `onAnswer` is called exactly once. */
  send(body: Buffer, onAnswer: (answer: WriteAnswer) => void): void {
    const { random } = this.#sim;
    let isAnswered = false;
    const answer = (result: WriteAnswer): void => {
      if (isAnswered) return;
      isAnswered = true;
      onAnswer(result);
    };
    this.#sim.after(TIMEOUT_MS, () =>
      answer({ kind: 'retry', reason: 'timeout', retryAfterMs: null }),
    );
    if (random.chance(this.#faults.lostRequests)) {
      this.#sim.note('network: a request is lost');
      return;
    }
    this.#deliver(body, random.between(1, 200), (status) => {
      if (random.chance(this.#faults.lostAnswers)) {
        this.#sim.note(`network: the answer ${status} is lost`);
        return;
      }
      this.#sim.after(random.between(1, 50), () => {
        answer(
          status === 0
            ? { kind: 'retry', reason: 'unreachable', retryAfterMs: null }
            : answerOf(status, null, this.#sim.nowMs()),
        );
      });
    });
    if (random.chance(this.#faults.repeatedRequests)) {
      this.#deliver(body, random.between(500, 20_000), (status) =>
        this.#sim.note(`network: a repeated request was answered ${status}`),
      );
    }
  }

  /** @param onStatus is told 0 where nobody listens */
  #deliver(body: Buffer, delayMs: number, onStatus: (status: number) => void): void {
    this.#sim.after(delayMs, () => {
      const answered = this.#handler(body);
      if (answered === null) onStatus(0);
      // A crash leaves the request without an answer.
      else void answered.then(onStatus, () => null);
    });
  }
}
