// The parts of undici that agent.ts takes one by one; undici describes only the whole.
declare module 'undici/lib/dispatcher/agent.js' {
  import { Agent } from 'undici';

  export = Agent;
}
declare module 'undici/lib/dispatcher/client.js' {
  import { Client } from 'undici';

  export = Client;
}
declare module 'undici/lib/dispatcher/fixed-queue.js' {
  class FixedQueue {
    isEmpty(): boolean;
    push(item: object): void;
    shift(): object | null;
  }

  export = FixedQueue;
}
declare module 'undici/lib/dispatcher/pool.js' {
  import { Pool } from 'undici';

  export = Pool;
}
declare module 'undici/lib/dispatcher/dispatcher.js' {
  import { Dispatcher } from 'undici';

  export = Dispatcher;
}
declare module 'undici/lib/core/connect.js' {
  import { buildConnector } from 'undici';

  export = buildConnector;
}
declare module 'undici/lib/api/index.js' {
  const api: object;

  export = api;
}
