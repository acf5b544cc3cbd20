import type {
  Agent as AgentType,
  buildConnector as buildConnectorType,
  Dispatcher as DispatcherType,
  Pool as PoolType,
} from 'undici';
import UndiciAgent from 'undici/lib/dispatcher/agent.js';
import Client from 'undici/lib/dispatcher/client.js';
import Dispatcher from 'undici/lib/dispatcher/dispatcher.js';
import FixedQueue from 'undici/lib/dispatcher/fixed-queue.js';
import Pool from 'undici/lib/dispatcher/pool.js';
import connect from 'undici/lib/core/connect.js';
import api from 'undici/lib/api/index.js';

// As undici's own index does, which also loads fetch, WebSocket, caches and mocks: 3 MiB that nobody here uses.
Object.assign(Dispatcher.prototype, api);

/** undici's Agent alone; the package is pinned, and the parts of it that are named here go by no rule of semver. */
export const Agent: typeof AgentType = UndiciAgent;
export type Agent = AgentType;

/**
 * What an `Agent` makes for an origin where it is not told: the same, without the room for 2,048 requests that wait, which is
 * 16 KiB for each origin; in a collector hardly one ever waits.
 */
export function originDispatcher(origin: string | URL, options: object): DispatcherType {
  const poolOptions: PoolType.Options = options;
  if (poolOptions.connections === 1) return new Client(origin, poolOptions);
  const pool = new Pool(origin, poolOptions);
  for (const symbol of Object.getOwnPropertySymbols(pool)) {
    if (Reflect.get(pool, symbol) instanceof FixedQueue)
      Reflect.set(pool, symbol, new WaitingLine());
  }
  return pool;
}

/** Requests for which there is no connection yet, the oldest first. */
class WaitingLine implements FixedQueue {
  readonly #items: object[] = [];

  isEmpty(): boolean {
    return this.#items.length === 0;
  }

  push(item: object): void {
    this.#items.push(item);
  }

  shift(): object | null {
    return this.#items.shift() ?? null;
  }
}

/** How undici connects where nobody says otherwise. */
export const buildConnector: typeof buildConnectorType = connect;
