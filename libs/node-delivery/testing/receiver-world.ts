import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Integration,
  type Notification,
  type NotifiedAlert,
  parseAlertmanagerConfig,
} from '#libs/dispatch';
import { Labels } from '#libs/labels';
import {
  deliver,
  type DeliveryContext,
  type DeliveryPorts,
  type DeliveryReport,
  MessageTemplates,
  TokenCache,
} from '#libs/notify';
import { Secret } from '#libs/yaml-config';
import { FileSecretReader } from '../src/file-secret-reader.ts';
import { FluentSessionTransport } from '../src/fluent-session-transport.ts';
import { UndiciHttpTransport } from '../src/undici-http-transport.ts';
import { FakeProvider } from './fake-provider.ts';

/** 2026-02-03T04:05:06Z */
const START_MS = 1_770_091_506_000;
const NOW_MS = START_MS + 90_000;

interface AlertParts {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly isResolved?: boolean;
}

/** An alert as notifications carry it. */
export function alertOf({
  labels = {},
  annotations = {},
  isResolved = false,
}: AlertParts): NotifiedAlert {
  const all = Labels.fromRecord({ alertname: 'DiskFull', severity: 'critical', ...labels });
  return {
    status: isResolved ? 'resolved' : 'firing',
    labels: all,
    annotations: Labels.fromRecord({ summary: '95 % used', ...annotations }),
    startsAtMs: START_MS,
    endsAtMs: isResolved ? START_MS + 60_000 : null,
    generatorUrl: 'http://prom.example/graph?g0.expr=up',
    fingerprint: all.fingerprint,
  };
}

/** A service, the real way to it, and what deliveries need besides. */
export class ReceiverWorld {
  readonly provider: FakeProvider;
  readonly memory = new Map<string, string>();
  readonly folder = mkdtempSync(join(tmpdir(), 'binnacle-receivers-'));
  readonly #transport: UndiciHttpTransport;
  readonly #ports: DeliveryPorts;
  nowMs = NOW_MS;

  private constructor(provider: FakeProvider) {
    this.provider = provider;
    const secrets = new FileSecretReader(this.folder);
    this.#transport = new UndiciHttpTransport(secrets);
    this.#ports = {
      http: {
        send: (request) => {
          // Some services have one address for everybody; here it leads to ours.
          const url = new URL(request.url.reveal());
          const here = new URL(`${url.pathname}${url.search}`, provider.url);
          return this.#transport.send({ ...request, url: new Secret(here.href) });
        },
      },
      mail: { send: () => Promise.reject(new Error('no mail here')) },
      fluent: new FluentSessionTransport(),
      secrets,
      memory: {
        read: (key) => this.memory.get(key) ?? null,
        write: async (key, text) => {
          if (text === null) this.memory.delete(key);
          else this.memory.set(key, text);
        },
      },
      tokens: new TokenCache(),
    };
  }

  static async start(): Promise<ReceiverWorld> {
    return new ReceiverWorld(await FakeProvider.start());
  }

  /** The integration of a block, written in YAML's short form; `URL` in it becomes the service's address. */
  integration(kind: string, block: string, global = ''): Integration {
    const text = [
      ...(global === '' ? [] : [`global: ${global}`]),
      'route: {receiver: ops}',
      `receivers: [{name: ops, ${kind}_configs: [${block}]}]`,
    ].join('\n');
    const config = parseAlertmanagerConfig(text.replaceAll('URL', this.provider.url), 'am.yml');
    return config.receivers[0]!.integrations[0]!;
  }

  /** Delivers alerts as one notification. */
  deliver(
    integration: Integration,
    alerts: readonly NotifiedAlert[],
    changes: Partial<Notification> = {},
    context: Partial<DeliveryContext> = {},
    ports: Partial<DeliveryPorts> = {},
  ): Promise<DeliveryReport> {
    const isFiring = alerts.some(({ status }) => status === 'firing');
    const notification: Notification = {
      id: 'n1',
      integration: integration.ref,
      groupKey: '{}:{alertname="DiskFull"}',
      groupLabels: Labels.fromRecord({ alertname: alerts[0]!.labels.get('alertname') }),
      reason: isFiring ? 'first notification' : 'all alerts resolved',
      status: isFiring ? 'firing' : 'resolved',
      alerts,
      createdAtMs: NOW_MS,
      ...changes,
    };
    return deliver(
      notification,
      integration,
      {
        externalUrl: 'http://me.example',
        userAgent: 'Binnacle/test',
        templates: MessageTemplates.create(),
        defaultTimeoutMs: 30_000,
        environment: {},
        nowMs: () => this.nowMs,
        ...context,
      },
      { ...this.#ports, ...ports },
    );
  }

  async stop(): Promise<void> {
    await this.#transport.close();
    await this.provider.stop();
    rmSync(this.folder, { recursive: true });
  }
}
