import { describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { type KeyedChange, type NotificationLog, parseAlertmanagerConfig } from '#libs/dispatch';
import { Labels } from '#libs/labels';
import { DeliveryError, type HttpAnswer, type HttpPost, MessageTemplates } from '#libs/notify';
import { AppLogger } from '#libs/platform';
import { NotificationMetrics } from './notification-metrics.ts';
import { NotificationService } from './notification-service.ts';

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

const OK: HttpAnswer = { status: 200, retryAfter: null, excerpt: '' };

interface World {
  readonly events: string[];
  readonly log: MemoryLog;
  /** Answers for each receiver; without one it answers at once that all is well. */
  readonly answers: Map<string, (post: HttpPost) => Promise<HttpAnswer>>;
  readonly ids: string[];
}

function createWorld(): World {
  const events: string[] = [];
  return { events, log: new MemoryLog(events), answers: new Map(), ids: [] };
}

function createService({ events, log, answers, ids }: World): NotificationService {
  return new NotificationService({
    config: CONFIG,
    log,
    context: {
      externalUrl: 'http://me',
      userAgent: 'test',
      templates: MessageTemplates.create(),
      defaultTimeoutMs: 1_000,
    },
    ports: {
      http: {
        post: async (post) => {
          const name = new URL(post.url.reveal()).hostname;
          events.push(`${name} ${(JSON.parse(post.body) as { status: string }).status}`);
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
    },
    metrics: new NotificationMetrics(new Registry()),
    logger: AppLogger.create({ app: 'test', level: 'silent' }),
    nowMs: Date.now,
    random: () => 0.5,
  });
}

const alert = (endsAtMs: number | null) => ({
  labels: Labels.fromRecord({ alertname: 'A' }),
  annotations: Labels.EMPTY,
  startsAtMs: null,
  endsAtMs,
  generatorUrl: '',
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

  it('stops twice, and before it has started, without harm', async () => {
    const service = createService(createWorld());
    await service.stop();
    await service.stop();
    await service.flush();
    expect(service.owedCount).toBe(0);
  });
});
