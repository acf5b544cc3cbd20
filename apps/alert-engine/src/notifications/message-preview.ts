import type { Integration, Notification } from '#libs/dispatch';
import {
  deliver,
  type DeliveryContext,
  DeliveryError,
  type DeliveryPorts,
  type EmailMessage,
  TokenCache,
} from '#libs/notify';
import { Secret } from '#libs/yaml-config';

/** What an integration would send. */
export interface MessagePreview {
  readonly integration: string;
  readonly index: number;
  /** Bodies of requests or of an e-mail, without credentials; addresses and headers are not shown. */
  readonly messages: readonly string[];
  /** Why there is none, or templates of the configuration that fail. */
  readonly problems: readonly string[];
}

const SHOWN = '<secret>';

/** Writes a message without sending it: the ways out only take down what they are handed. */
export async function previewMessage(
  notification: Notification,
  integration: Integration,
  context: DeliveryContext,
  { secrets }: Pick<DeliveryPorts, 'secrets'>,
): Promise<MessagePreview> {
  const { kind, index } = integration.ref;
  const revealed = new Set(secretsIn(integration));
  const messages: string[] = [];
  const ports: DeliveryPorts = {
    http: {
      send: async ({ body }) => {
        if (typeof body === 'string') messages.push(body);
        return { status: 200, retryAfter: null, body: '{}' };
      },
    },
    mail: {
      send: async (message) => {
        messages.push(mailText(message));
        return [];
      },
    },
    fluent: {
      send: async (_target, label, records) => {
        messages.push(...records.map(({ record }) => JSON.stringify({ label, record })));
      },
    },
    secrets: {
      read: async (source) => {
        const secret = await secrets.read(source);
        if (!secret.isEmpty) revealed.add(secret.reveal());
        return secret;
      },
    },
    memory: { read: () => null, write: async () => {} },
    tokens: new TokenCache(),
  };
  const problems: string[] = [];
  try {
    const { templateFaults } = await deliver(notification, integration, context, ports);
    problems.push(...templateFaults.map(({ field, message }) => `${field}: ${message}`));
  } catch (error) {
    if (!(error instanceof DeliveryError)) throw error;
    // Some receivers ask for more than an empty answer; what was to be sent is known by then.
    if (messages.length === 0) problems.push(error.message);
  }
  return {
    integration: kind,
    index,
    messages: messages.map((text) => withoutSecrets(text, revealed)),
    problems: problems.map((text) => withoutSecrets(text, revealed)),
  };
}

/** Every secret that a part of the configuration holds. */
function* secretsIn(value: unknown): IterableIterator<string> {
  if (value instanceof Secret) {
    if (!value.isEmpty) yield value.reveal();
  } else if (value instanceof Map) {
    for (const inner of value.values()) yield* secretsIn(inner);
  } else if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) yield* secretsIn(inner);
  }
}

function mailText({ from, to, subject, text, html }: EmailMessage): string {
  return `From: ${from}\nTo: ${to}\nSubject: ${subject}\n\n${text ?? html ?? ''}`;
}

/** A secret may stand in a body as it is, or as JSON or a URL writes it. */
function withoutSecrets(text: string, secrets: ReadonlySet<string>): string {
  let shown = text;
  for (const secret of secrets) {
    const written = [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)];
    for (const form of written) shown = shown.replaceAll(form, SHOWN);
  }
  return shown;
}
