import type { Notification } from '#libs/dispatch';
import type { Simulation } from './simulation.ts';

/** How a delivery met its receiver. */
export type Delivery = 'delivered' | 'refused' | 'delivered-unheard';

/** Someone who is to be told: sometimes it fails, sometimes it takes a message and its answer is lost. */
export class SimulatedReceiver {
  readonly #sim: Simulation;
  readonly #failureRate: number;
  readonly #inbox: Notification[] = [];
  /** Answers that were lost: each may cost a double. */
  unheard = 0;

  constructor(sim: Simulation, failureRate: number) {
    this.#sim = sim;
    this.#failureRate = failureRate;
  }

  receive(notification: Notification): Delivery {
    const { random } = this.#sim;
    if (random.chance(this.#failureRate)) return 'refused';
    this.#inbox.push(notification);
    this.#sim.note(`receiver: ${notification.status} (${notification.reason}) ${notification.id}`);
    if (!random.chance(this.#failureRate)) return 'delivered';
    this.unheard++;
    return 'delivered-unheard';
  }

  /** Messages received more than once. */
  get doubles(): number {
    return this.#inbox.length - new Set(this.#inbox.map(({ id }) => id)).size;
  }

  /** When each message was written that says that something fires. */
  get firingWrittenAtMs(): number[] {
    return this.#inbox
      .filter(({ status }) => status === 'firing')
      .map(({ createdAtMs }) => createdAtMs);
  }

  /** What each message said, in the order in which they were written, doubles left out. */
  get statuses(): string[] {
    const messages = new Map(this.#inbox.map((message) => [message.id, message]));
    return [...messages.values()]
      .toSorted((a, b) => a.createdAtMs - b.createdAtMs)
      .map(({ status }) => status);
  }
}
