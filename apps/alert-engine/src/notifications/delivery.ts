import { FileSecretReader, SmtpMailTransport, UndiciHttpTransport } from '#libs/node-delivery';
import { type DeliveryContext, type DeliveryPorts, MessageTemplates } from '#libs/notify';
import { type RunOptions, USER_AGENT } from '#libs/platform';
import type { EngineConfig } from '../config/engine-config.ts';
import { ruleLinks } from '../rules/rule-links.ts';

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

/** @param folder what files of secrets and certificates are relative to */
export function createDelivery(
  folder: string,
  config: EngineConfig,
  options: RunOptions,
): Delivery {
  const secrets = new FileSecretReader(folder);
  const http = new UndiciHttpTransport(secrets);
  return {
    close: () => http.close(),
    ports: {
      http,
      mail: new SmtpMailTransport(secrets),
      secrets,
    },
    context: {
      externalUrl: ruleLinks(config, options).externalUrl,
      userAgent: USER_AGENT,
      templates: MessageTemplates.create(),
      defaultTimeoutMs: DEFAULT_TIMEOUT_MS,
    },
  };
}
