import {
  AddressPolicy,
  FileSecretReader,
  FluentSessionTransport,
  SmtpMailTransport,
  UndiciHttpTransport,
} from '#libs/node-delivery';
import {
  type DeliveryContext,
  type DeliveryPorts,
  type ReceiverMemory,
  TokenCache,
} from '#libs/notify';
import { type RunOptions, USER_AGENT } from '#libs/platform';
import type { EngineConfig } from '../config/engine-config.ts';
import { ruleSurroundings } from '../rules/rule-surroundings.ts';
import type { LoadedAlertmanagerConfig } from './alertmanager-config-file.ts';

const DEFAULT_TIMEOUT_MS = 10_000;

/** The ways out and what messages say about us. */
export interface Delivery {
  readonly ports: DeliveryPorts;
  readonly context: Omit<DeliveryContext, 'nowMs'>;
  /** Cuts connections; nothing can be sent afterwards. */
  close(): Promise<void>;
}

/** The {@link Delivery} the engine started with. */
export const DELIVERY = Symbol('Delivery');

/** What receivers remember; one for all configurations. */
export const RECEIVER_MEMORY = Symbol('ReceiverMemory');

/** The ways out under a configuration. */
export function createDelivery(
  { folder, templates }: LoadedAlertmanagerConfig,
  config: EngineConfig,
  options: RunOptions,
  memory: ReceiverMemory,
): Delivery {
  const secrets = new FileSecretReader(folder);
  const { denied_networks: denied, allowed_networks: allowed } = config.notifications;
  const environment = process.env;
  const policy = new AddressPolicy({ denied, allowed });
  const http = new UndiciHttpTransport(secrets, { policy, environment });
  return {
    close: () => http.close(),
    ports: {
      http,
      mail: new SmtpMailTransport(secrets, { policy }),
      fluent: new FluentSessionTransport(),
      secrets,
      memory,
      tokens: new TokenCache(),
    },
    context: {
      externalUrl: ruleSurroundings(config, options).externalUrl,
      userAgent: USER_AGENT,
      templates,
      hasOwnTexts: config.notifications.texts === 'binnacle',
      defaultTimeoutMs: DEFAULT_TIMEOUT_MS,
      environment,
    },
  };
}
