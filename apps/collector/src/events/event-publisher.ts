import { EventCounters, EventLedger, type KubeEvent } from '#libs/kube';
import type { MetricSink } from '../outputs/metric-sink.ts';
import type { Following, ResourceHub } from '../kubernetes/resource-hub.ts';
import type { EventMetrics } from './event-metrics.ts';

/** More than a cluster has within the hour that the API server keeps events: a uid and a count, 20 MB. */
const MAX_EVENTS = 200_000;
/** How long changes are gathered: a node that fails brings hundreds of events. */
const GATHER_MS = 100;

export interface EventPublisherOptions {
  readonly job: string;
  readonly types: readonly ('Normal' | 'Warning')[];
  readonly intervalMs: number;
  readonly maxSeries: number;
  /** Until when somebody else has counted; NaN where nobody has. */
  readonly sinceMs: number;
  /** Where somebody else has stopped, '' where that is not known. */
  readonly resumeFrom: string;
  readonly hub: ResourceHub;
  readonly sink: MetricSink;
  readonly metrics: EventMetrics;
  /** Told of each event that has happened, and how often since it was told last. */
  readonly record: (event: KubeEvent, times: number) => void;
}

/** Counts what happens in the cluster, for one term of office. */
export class EventPublisher {
  readonly #options: EventPublisherOptions;
  readonly #ledger: EventLedger;
  readonly #counters: EventCounters;
  #interval: NodeJS.Timeout | null = null;
  #gathering: NodeJS.Timeout | null = null;
  #following: Following | null = null;
  /** Up to where the outputs have been told, while there is something that they have not. */
  #toldUpTo: string;
  #isStopped = false;

  constructor(options: EventPublisherOptions) {
    const { job, maxSeries, sinceMs, record } = options;
    this.#options = options;
    this.#toldUpTo = options.resumeFrom;
    // The same whoever counts: the next one goes on with these series.
    this.#counters = new EventCounters({ commonLabels: { job, instance: job }, maxSeries });
    this.#ledger = new EventLedger({
      sinceMs,
      maxEvents: MAX_EVENTS,
      happened: (event, times) => {
        if (this.#isStopped) return;
        this.#counters.add(event, times);
        record(event, times);
        this.#gather();
      },
    });
  }

  start(): void {
    const { hub, types, intervalMs } = this.#options;
    const [only] = types;
    const fieldSelector = types.length === 1 ? `type=${only}` : '';
    const selection = { namespace: '', fieldSelector, labelSelector: '' };
    this.#following = hub.follow('events', selection, this.#ledger, this.#options.resumeFrom);
    this.#interval = setInterval(() => this.#tellAll(), intervalMs);
  }

  /** @param isHandedOver somebody else goes on with the same series: they are not ended */
  async stop(isHandedOver: boolean): Promise<void> {
    if (this.#interval !== null) clearInterval(this.#interval);
    if (this.#gathering !== null) clearTimeout(this.#gathering);
    this.#gathering = null;
    // What comes in the moment that the watch takes to end is for whoever goes on from here.
    this.#toldUpTo = this.position;
    this.#isStopped = true;
    const unfollowed = this.#following?.stop();
    const { sink, metrics } = this.#options;
    const nowMs = Date.now();
    sink.push(isHandedOver ? this.#counters.takeChanges(nowMs) : this.#counters.end(nowMs));
    metrics.set({ events: 0, series: 0, overflow: 0 });
    await unfollowed;
  }

  /** The version of the cluster up to which the outputs have been told of everything. */
  get position(): string {
    const known = this.#following?.resourceVersion ?? '';
    const isBehind = this.#gathering !== null || this.#isStopped || known === '';
    return isBehind ? this.#toldUpTo : known;
  }

  #gather(): void {
    if (this.#gathering !== null) return;
    this.#toldUpTo = this.position;
    this.#gathering = setTimeout(() => {
      this.#gathering = null;
      this.#options.sink.push(this.#counters.takeChanges(Date.now()), 'soon');
    }, GATHER_MS);
  }

  #tellAll(): void {
    const { sink, metrics } = this.#options;
    // What is gathered at this moment goes along, and nothing would be left to hasten.
    const urgency = this.#gathering === null ? 'in-turn' : 'soon';
    const batch = this.#counters.takeAll(Date.now());
    if (batch.sampleCount > 0) sink.push(batch, urgency);
    const { seriesCount: series, overflow } = this.#counters;
    metrics.set({ events: this.#ledger.size, series, overflow });
  }
}
