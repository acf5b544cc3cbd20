import { performance } from 'node:perf_hooks';
import type { Integration, Notification, NotifiedAlert, Receiver } from '#libs/dispatch';
import { Labels } from '#libs/labels';
import { deliver, type DeliveryContext, DeliveryError, type DeliveryPorts } from '#libs/notify';

/** How a test message fared with one integration. */
export interface ReceiverTestResult {
  readonly integration: string;
  readonly index: number;
  readonly isDelivered: boolean;
  /** Without addresses and credentials. */
  readonly error: string | null;
  /** Templates of the configuration that failed; the built-in text was sent. */
  readonly templateFaults: readonly string[];
  readonly latencyMs: number;
}

export interface TestAlert {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly status: 'firing' | 'resolved';
}

/** What is sent where the caller says nothing else. */
export const DEFAULT_TEST_ALERT: TestAlert = {
  labels: Labels.fromRecord({ alertname: 'TestAlert', severity: 'info' }),
  annotations: Labels.fromRecord({
    summary: 'This is a test',
    description: 'Somebody asked for it to see whether this receiver works. Nothing is wrong.',
  }),
  status: 'firing',
};

/** A message about one alert, as it is written for an integration. */
export function testNotification(
  integration: Integration,
  { labels, annotations, status }: TestAlert,
  id: string,
  nowMs: number,
): Notification {
  const alert: NotifiedAlert = {
    status,
    labels,
    annotations,
    startsAtMs: nowMs,
    endsAtMs: status === 'firing' ? null : nowMs,
    generatorUrl: '',
    fingerprint: labels.fingerprint,
  };
  const groupLabels = labels.filter((name) => name === 'alertname');
  return {
    id,
    integration: integration.ref,
    groupKey: `test:${id}`,
    groupLabels,
    reason: status === 'firing' ? 'first notification' : 'all alerts resolved',
    status,
    alerts: [alert],
    createdAtMs: nowMs,
  };
}

/** Sends a test message to every integration of a receiver, past queue and log. Nothing is tried twice or remembered. */
export function testReceiver(
  receiver: Receiver,
  alert: TestAlert,
  delivery: { readonly context: DeliveryContext; readonly ports: DeliveryPorts },
  newId: () => string,
): Promise<ReceiverTestResult[]> {
  const ports = { ...delivery.ports, memory: { read: () => null, write: async () => {} } };
  return Promise.all(
    receiver.integrations.map(async (integration) => {
      const { kind, index } = integration.ref;
      const { context } = delivery;
      const startMs = performance.now();
      const done = (error: string | null, templateFaults: readonly string[]) => ({
        integration: kind,
        index,
        isDelivered: error === null,
        error,
        templateFaults,
        latencyMs: Math.round(performance.now() - startMs),
      });
      try {
        const notification = testNotification(integration, alert, newId(), context.nowMs());
        const { templateFaults } = await deliver(notification, integration, context, ports);
        return done(
          null,
          templateFaults.map(({ field, message }) => `${field}: ${message}`),
        );
      } catch (error) {
        if (!(error instanceof DeliveryError)) throw error;
        return done(error.message, []);
      }
    }),
  );
}
