import {
  type HttpIntegration,
  integrationKey,
  type Notification,
  type SecretSource,
} from '#libs/dispatch';
import { Secret } from '#libs/yaml-config';
import { DeliveryError } from '../delivery/delivery-error.ts';
import { type HttpAnswer, judgeHttpAnswer } from '../delivery/http-verdict.ts';
import { withoutSecrets } from '../delivery/without-secrets.ts';
import type { DeliveryContext, DeliveryPorts, DeliveryReport } from '../delivery-context.ts';
import { authorize } from './authorize.ts';
import type { HttpReceiver, ReceiverCall } from './http-receiver.ts';
import { MessageScope } from './message-scope.ts';
import type { Revealed } from './revealed.ts';

/** No conversation needs more; one that asks for more goes in circles. */
const MAX_CALLS = 100;

/**
 * One attempt at a message over HTTP: reads the secrets, holds the receiver's conversation within one time limit, and
 * keeps secrets out of whatever goes wrong.
 * @throws DeliveryError
 */
export async function deliverOverHttp<Kind extends string, Settings extends object>(
  receiver: HttpReceiver<Settings>,
  notification: Notification,
  integration: HttpIntegration<Kind, Settings>,
  context: DeliveryContext,
  ports: DeliveryPorts,
): Promise<DeliveryReport> {
  const known: Secret[] = [];
  try {
    return await attempt(receiver, notification, integration, context, ports, known);
  } catch (error) {
    throw error instanceof DeliveryError ? withoutSecrets(error, known) : error;
  }
}

async function attempt<Kind extends string, Settings extends object>(
  receiver: HttpReceiver<Settings>,
  notification: Notification,
  integration: HttpIntegration<Kind, Settings>,
  context: DeliveryContext,
  ports: DeliveryPorts,
  known: Secret[],
): Promise<DeliveryReport> {
  const timeoutMs = integration.timeoutMs ?? context.defaultTimeoutMs;
  const endMs = context.nowMs() + timeoutMs;
  const settings = await reveal(integration.settings, ports, known);
  const { headers, forget } = await authorize(integration.http, context, ports, timeoutMs, known);
  const memoryKey = `${integrationKey(integration.ref)}/${notification.groupKey}`;
  const scope = new MessageScope<Settings>({
    notification,
    settings,
    defaults: integration.defaults,
    context,
    tokens: ports.tokens,
    memory: ports.memory.read(memoryKey),
    neutralize: receiver.neutralize ?? ((text) => text),
    isHtml: receiver.isHtml?.(integration.settings) ?? false,
  });
  const send = (call: ReceiverCall) => {
    const sentHeaders = [
      ['User-Agent', context.userAgent],
      ...headers,
      ...(call.headers ?? []),
    ] as const;
    known.push(...sentHeaders.map(([, value]) => value).filter((value) => value instanceof Secret));
    if (typeof call.url !== 'string') known.push(call.url);
    return ports.http.send({
      method: call.method ?? 'POST',
      url: typeof call.url === 'string' ? new Secret(call.url) : call.url,
      headers: sentHeaders,
      body: call.body ?? null,
      timeoutMs: Math.max(1, Math.min(timeoutMs, endMs - context.nowMs())),
      connection: integration.http,
      wantsBody: call.wantsBody ?? false,
    });
  };
  let chartError: string | null = null;
  const say = async (call: ReceiverCall): Promise<HttpAnswer> => {
    try {
      const answer = await send(call);
      const refusal = (call.judge ?? judgeHttpAnswer)(answer, context.nowMs());
      if (refusal?.code === 'unauthorized') forget();
      if (refusal !== null) throw refusal;
      return answer;
    } catch (error) {
      if (call.isExtra !== true || !(error instanceof DeliveryError)) throw error;
      chartError = withoutSecrets(error, known).message;
      return { status: 0, retryAfter: null, body: '' };
    }
  };
  try {
    const conversation = receiver.converse(scope);
    let step = conversation.next();
    for (let count = 0; step.done !== true; count++) {
      if (count === MAX_CALLS) throw new DeliveryError('rejected', 'it takes too many requests');
      step = conversation.next(await say(step.value));
    }
  } finally {
    if (scope.remembered !== undefined) await ports.memory.write(memoryKey, scope.remembered);
  }
  return {
    templateFaults: scope.faults,
    refusedAddressees: scope.refused,
    ...(chartError === null ? {} : { chartError }),
  };
}

async function reveal<Settings extends object>(
  settings: Settings,
  ports: DeliveryPorts,
  known: Secret[],
): Promise<Revealed<Settings>> {
  const entries = await Promise.all(
    Object.entries(settings).map(async ([key, value]: [string, unknown]) => {
      if (!isSecretSource(value)) return [key, value] as const;
      const secret = await ports.secrets.read(value);
      known.push(secret);
      return [key, secret] as const;
    }),
  );
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same keys, their secrets read.
  return Object.fromEntries(entries) as Revealed<Settings>;
}

function isSecretSource(value: unknown): value is SecretSource {
  if (typeof value !== 'object' || value === null) return false;
  const source = value as Partial<SecretSource>;
  if (source.kind === 'inline') return source.secret instanceof Secret;
  return source.kind === 'file' && typeof source.path === 'string';
}
