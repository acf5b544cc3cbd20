import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { ReloadService } from '#libs/platform';
import { Registry } from 'prom-client';
import { COLLECTOR_CONFIG, type CollectorConfig } from '../config/collector-config.ts';
import { configFingerprint } from '../config/config-fingerprint.ts';
import { KubeHubs, type OpenHub } from '../kubernetes/kube-hubs.ts';
import { Leadership, type Teller } from '../kubernetes/leadership.ts';
import { hasLogOutputs } from '../outputs/outputs-config.ts';
import { METRIC_SINK, type MetricSink } from '../outputs/metric-sink.ts';
import { LogIntake } from '../logs/log-intake.ts';
import { EventMetrics } from './event-metrics.ts';
import { EventPublisher } from './event-publisher.ts';
import { EventRecords } from './event-records.ts';

type Section = Pick<CollectorConfig, 'kubernetes' | 'cluster' | 'outputs'>;

/** One term in which this collector tells of the cluster's events. */
interface Term {
  readonly open: OpenHub;
  readonly publisher: EventPublisher;
}

/** Tells of the cluster's events while this collector speaks for the cluster. */
@Injectable()
export class EventsRunner implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy, Teller {
  readonly #sink: MetricSink;
  readonly #hubs: KubeHubs;
  readonly #leadership: Leadership;
  readonly #reloads: ReloadService<CollectorConfig>;
  readonly #metrics: EventMetrics;
  readonly #records: EventRecords;
  #section: Section;
  #term: Term | null = null;
  #unlisten: (() => void) | null = null;
  /** How far the last term has come. */
  #lastPosition = '';

  constructor(
    @Inject(COLLECTOR_CONFIG) config: CollectorConfig,
    @Inject(METRIC_SINK) sink: MetricSink,
    hubs: KubeHubs,
    leadership: Leadership,
    intake: LogIntake,
    reloads: ReloadService<CollectorConfig>,
    registry: Registry,
  ) {
    this.#section = config;
    this.#sink = sink;
    this.#hubs = hubs;
    this.#leadership = leadership;
    this.#reloads = reloads;
    this.#metrics = new EventMetrics(registry);
    this.#records = new EventRecords(intake, this.#metrics);
  }

  onModuleInit(): void {
    this.#leadership.handsOver(this);
    this.#reloads.register({
      name: 'kubernetes.events',
      prepare: async (config) => () => this.#apply(config),
    });
  }

  onApplicationBootstrap(): void {
    this.#unlisten = this.#leadership.listen(() => this.#follow());
    this.#follow();
  }

  /** The version of the cluster up to which its events have been told, '' where they are not. */
  get position(): string {
    return this.#term?.publisher.position ?? this.#lastPosition;
  }

  async finish(): Promise<void> {
    await this.#end(true);
  }

  async onModuleDestroy(): Promise<void> {
    this.#unlisten?.();
    this.#unlisten = null;
    // Whoever speaks next goes on with the series.
    await this.#end(true);
  }

  async #apply(section: Section): Promise<void> {
    const before = this.#section;
    this.#section = section;
    if (fingerprint(section) === fingerprint(before) || this.#unlisten === null) return;
    await this.#end(false);
    const isElsewhere = place(section) !== place(before);
    if (isElsewhere || !section.kubernetes.events.enabled) this.#lastPosition = '';
    this.#follow({ sinceMs: Date.now(), resumeFrom: this.#lastPosition });
  }

  /** @param from until when, and up to where, events have been counted */
  #follow(
    from = { sinceMs: this.#leadership.sinceMs, resumeFrom: this.#leadership.handedOver },
  ): void {
    const { kubernetes, cluster, outputs } = this.#section;
    if (!this.#leadership.leads) {
      void this.#end(true);
      return;
    }
    if (this.#term !== null || !kubernetes.events.enabled || cluster.endpoint === null) return;
    const open = this.#hubs.open(cluster.endpoint);
    const { events } = kubernetes;
    const hasRecords = events.records && hasLogOutputs(outputs);
    const publisher = new EventPublisher({
      job: events.job,
      types: events.types,
      intervalMs: events.interval,
      maxSeries: events.max_series,
      ...from,
      hub: open.hub,
      sink: this.#sink,
      metrics: this.#metrics,
      record: (event, times) => {
        if (hasRecords) this.#records.add(event, times);
      },
    });
    this.#term = { open, publisher };
    publisher.start();
  }

  async #end(isHandedOver: boolean): Promise<void> {
    const term = this.#term;
    this.#term = null;
    if (term === null) return;
    const stopped = term.publisher.stop(isHandedOver);
    this.#lastPosition = term.publisher.position;
    await stopped;
    await this.#records.stop();
    await term.open.release();
  }
}

function place({ cluster }: Section): string {
  return configFingerprint(cluster.endpoint);
}

function fingerprint({ kubernetes, cluster, outputs }: Section): string {
  return configFingerprint([kubernetes.events, cluster.endpoint, hasLogOutputs(outputs)]);
}
