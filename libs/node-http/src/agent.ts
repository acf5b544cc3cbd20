import type { Agent as AgentType, buildConnector as buildConnectorType } from 'undici';
import UndiciAgent from 'undici/lib/dispatcher/agent.js';
import Dispatcher from 'undici/lib/dispatcher/dispatcher.js';
import connect from 'undici/lib/core/connect.js';
import api from 'undici/lib/api/index.js';

// As undici's own index does, which also loads fetch, WebSocket, caches and mocks: 3 MiB that nobody here uses.
Object.assign(Dispatcher.prototype, api);

/** undici's Agent alone; the package is pinned, and the parts of it that are named here go by no rule of semver. */
export const Agent: typeof AgentType = UndiciAgent;
export type Agent = AgentType;

/** How undici connects where nobody says otherwise. */
export const buildConnector: typeof buildConnectorType = connect;
