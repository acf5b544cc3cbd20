import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import {
  type KeyedChange,
  type NotificationLog,
  parseAlertmanagerConfig,
  parseMatchers,
  type PostedSilence,
} from '#libs/dispatch';
import { Labels } from '#libs/labels';
import {
  DeliveryError,
  type HttpAnswer,
  type HttpRequest,
  MessageTemplates,
  TokenCache,
} from '#libs/notify';
import { AppLogger } from '#libs/platform';
import { NotificationMetrics } from './notification-metrics.ts';
import { NotificationService } from './notification-service.ts';
import { notificationsConfigSchema } from './notifications-config.ts';

const CONFIG = parseAlertmanagerConfig(
  `
route:
  receiver: slow
  group_wait: 0s
  group_interval: 50ms
  routes: [{receiver: slow, continue: true}, {receiver: fast}]
receivers:
- {name: slow, webhook_configs: [{url: 'http://slow/'}]}
- {name: fast, webhook_configs: [{url: 'http://fast/'}]}
`,
  'am.yml',
);

class MemoryLog implements NotificationLog {
  readonly values = new Map<string, string>();
  readonly events: string[];
  isBroken = false;

  constructor(events: string[]) {
    this.events = events;
  }

  async load(): Promise<ReadonlyMap<string, string>> {
    return new Map(this.values);
  }

  async apply(changes: readonly KeyedChange[]): Promise<void> {
    await Promise.resolve();
    if (this.isBroken) throw new Error('disk full');
    for (const { key, value } of changes) {
      if (value === null) this.values.delete(key);
      else this.values.set(key, value);
    }
    this.events.push('written');
  }
}

const OK: HttpAnswer = { status: 200, retryAfter: null, body: '' };

interface World {
  readonly events: string[];
  readonly log: MemoryLog;
  readonly silences: MemoryLog;
  readonly history: MemoryLog;
  /** Answers for each receiver; without one it answers at once that all is well. */
  readonly answers: Map<string, (post: HttpRequest) => Promise<HttpAnswer>>;
  readonly ids: string[];
  readonly registry: Registry;
}

function createWorld(): World {
  const events: string[] = [];
  return {
    events,
    log: new MemoryLog(events),
    silences: new MemoryLog([]),
    history: new MemoryLog([]),
    answers: new Map(),
    ids: [],
    registry: new Registry(),
  };
}

function createService({
  events,
  log,
  silences,
  history,
  answers,
  ids,
  registry,
}: World): NotificationService {
  registry.clear();
  return new NotificationService({
    config: CONFIG,
    settings: notificationsConfigSchema.parse({}),
    log,
    silenceStore: silences,
    historyStore: history,
    context: {
      externalUrl: 'http://me',
      userAgent: 'test',
      templates: MessageTemplates.create(),
      defaultTimeoutMs: 1_000,
      environment: {},
    },
    ports: {
      http: {
        send: async (post) => {
          const name = new URL(post.url.reveal()).hostname;
          events.push(`${name} ${(JSON.parse(String(post.body)) as { status: string }).status}`);
          ids.push(`${name} ${String(new Map(post.headers).get('Idempotency-Key'))}`);
          return (await answers.get(name)?.(post)) ?? OK;
        },
      },
      mail: { send: () => Promise.reject(new DeliveryError('rejected', 'no mail here')) },
      secrets: {
        read: async (source) => {
          if (source.kind === 'inline') return source.secret;
          throw new DeliveryError('misconfigured', 'no files here');
        },
      },
      fluent: { send: () => Promise.reject(new DeliveryError('rejected', 'no Fluentd here')) },
      memory: { read: () => null, write: async () => {} },
      tokens: new TokenCache(),
    },
    metrics: new NotificationMetrics(registry),
    logger: AppLogger.create({ app: 'test', level: 'silent' }),
    nowMs: Date.now,
    random: () => 0.5,
    newId: randomUUID,
  });
}

const alert = (endsAtMs: number | null) => ({
  labels: Labels.fromRecord({ alertname: 'A' }),
  annotations: Labels.EMPTY,
  startsAtMs: null,
  endsAtMs,
  generatorUrl: '',
});

const silence = (annotations: Record<string, string> = {}): PostedSilence => ({
  id: null,
  matchers: parseMatchers('alertname="A"'),
  startsAtMs: 0,
  endsAtMs: Date.now() + 3_600_000,
  createdBy: 'alice',
  comment: 'known',
  annotations: Labels.fromRecord(annotations),
});

async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 60_000; !holds() && Date.now() < end;) {
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
  expect(holds()).toBe(true);
}

describe('NotificationService', () => {
  it('writes what it is about to send before it sends it, and the outcome afterwards', async () => {
    const world = createWorld();
    const service = createService(world);
    await service.start();
    service.accept([alert(null)], Date.now());
    await until(() => world.events.includes('fast firing') && world.events.at(-1) === 'written');
    await service.stop();
    expect(world.events.indexOf('written')).toBe(0);
    expect([...world.log.values.values()].join('\n')).toContain('"kind":"told"');
    expect([...world.log.values.values()].join('\n')).not.toContain('"kind":"intent"');
  });

  it('keeps alerts that come before it has restored', async () => {
    const world = createWorld();
    const service = createService(world);
    service.accept([alert(null)], Date.now());
    expect(service.isRestored).toBe(false);
    await service.start();
    await until(() => world.events.includes('fast firing'));
    await service.stop();
  });

  it('does not let a receiver that hangs hold up another', async () => {
    const world = createWorld();
    const hanging = Promise.withResolvers<HttpAnswer>();
    world.answers.set('slow', () => hanging.promise);
    const service = createService(world);
    await service.start();
    service.accept([alert(null)], Date.now());
    await until(() => world.events.includes('fast firing'));
    service.accept([alert(Date.now())], Date.now());
    await until(() => world.events.includes('fast resolved'));
    expect(world.events.filter((event) => event.startsWith('slow'))).toEqual(['slow firing']);
    hanging.resolve(OK);
    await service.stop();
  });

  it('outlives a fault of ours in one message, and still owes it', async () => {
    const world = createWorld();
    world.answers.set('slow', () => Promise.reject(new TypeError('a bug')));
    const service = createService(world);
    await service.start();
    service.accept([alert(null)], Date.now());
    await until(() => world.events.includes('fast firing'));
    await until(() => service.owed().some(({ attempts }) => attempts > 0));
    expect(service.owed()).toMatchObject([
      { receiver: 'slow', lastError: expect.stringContaining('a fault of ours') },
    ]);
    await service.stop();
  });

  it('sends although the log cannot be written, and writes it when it can', async () => {
    const world = createWorld();
    world.log.isBroken = true;
    const service = createService(world);
    await service.start();
    service.accept([alert(null)], Date.now());
    await until(() => world.events.includes('slow firing') && world.events.includes('fast firing'));
    expect(world.log.values.size).toBe(0);
    world.log.isBroken = false;
    await service.stop();
    expect([...world.log.values.keys()].filter((key) => key.startsWith('target'))).toHaveLength(2);
  });

  it('sends again under the same id what was on the wire when the process died', async () => {
    const world = createWorld();
    const hanging = Promise.withResolvers<HttpAnswer>();
    world.answers.set('slow', () => hanging.promise);
    const dead = createService(world);
    await dead.start();
    dead.accept([alert(null)], Date.now());
    await until(() => world.ids.length === 2 && world.events.at(-1) === 'written');
    world.answers.clear();
    const values = new Map(world.log.values);
    const next: World = { ...createWorld(), ids: world.ids };
    for (const [key, value] of values) next.log.values.set(key, value);
    const service = createService(next);
    await service.start();
    await until(() => next.events.includes('slow firing'));
    await service.stop();
    expect(world.ids.filter((id) => id.startsWith('slow'))).toHaveLength(2);
    expect(new Set(world.ids).size).toBe(2);
    expect(next.events).not.toContain('fast firing');
    hanging.resolve(OK);
    await dead.stop();
  });

  it('keeps a silence before it says yes, and knows it after a restart', async () => {
    const world = createWorld();
    const dead = createService(world);
    await dead.start();
    const id = await dead.silences.put(silence());
    expect([...world.silences.values.keys()]).toEqual([id]);
    const service = createService(world);
    await service.start();
    service.accept([alert(null)], Date.now());
    const [known] = service.firingAlerts();
    expect(service.statusOf(known!)).toMatchObject({ state: 'suppressed', silencedBy: [id] });
    await service.silences.expire(id);
    await until(() => world.events.includes('fast firing'));
    await service.stop();
    await dead.stop();
  });

  it('refuses a silence that it cannot keep, and does not obey it', async () => {
    const world = createWorld();
    const service = createService(world);
    await service.start();
    world.silences.isBroken = true;
    await expect(service.silences.put(silence())).rejects.toThrow(/could not be written/);
    expect([...service.silences.all()]).toEqual([]);
    service.accept([alert(null)], Date.now());
    await until(() => world.events.includes('fast firing'));
    world.silences.isBroken = false;
    await service.silences.put(silence());
    expect([...service.silences.all()]).toHaveLength(1);
    await service.stop();
  });

  it('takes changes of silences one after the other', async () => {
    const service = createService(createWorld());
    await service.start();
    const id = await service.silences.put(silence());
    const [one, two] = await Promise.all([
      service.silences.put({ ...silence(), id, matchers: parseMatchers('alertname="B"') }),
      service.silences.put({ ...silence(), id, matchers: parseMatchers('alertname="C"') }),
      service.silences.expire(id),
    ]);
    expect(new Set([id, one, two]).size).toBe(3);
    expect([...service.silences.all()]).toHaveLength(3);
    await service.stop();
  });

  it('ends an acknowledgement with its alert, and keeps that', async () => {
    const world = createWorld();
    const service = createService(world);
    await service.start();
    service.accept([alert(null)], Date.now());
    await until(() => world.events.includes('fast firing'));
    const id = await service.silences.put(silence({ binnacle_ends_with_alerts: 'true' }));
    await service.silences.put(silence());
    expect(await world.registry.metrics()).toContain(
      'binnacle_alert_time_to_acknowledge_seconds_count 1\n',
    );
    await service.silences.expire([...service.silences.all()].at(-1)!.id);
    service.accept([alert(Date.now())], Date.now());
    await until(() => service.silences.get(id)!.endsAtMs <= Date.now());
    expect(world.silences.values.get(id)).toContain(
      `"endsAtMs":${service.silences.get(id)!.endsAtMs}`,
    );
    await until(() => world.events.includes('fast resolved'));
    await service.stop();
  });

  it('stops twice, and before it has started, without harm', async () => {
    const service = createService(createWorld());
    await service.stop();
    await service.stop();
    await service.flush();
    expect(service.owedCount).toBe(0);
  });
});
