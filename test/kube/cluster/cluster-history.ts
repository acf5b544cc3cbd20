import { createExpositionParser } from '#libs/exposition';
import {
  ClusterState,
  type ObjectOf,
  objectKey,
  RESOURCES,
  STATE_RESOURCES,
  type StateResource,
} from '#libs/kube';
import { Labels, METRIC_NAME } from '#libs/labels';
import { type SampleBatch, SampleBatchBuilder } from '#libs/samples';
import type { StoredObject } from '../selectors.ts';
import { ClusterExporters, type Exporter } from './cluster-exporters.ts';
import type { SimulatedCluster } from './simulated-cluster.ts';

const MAX_SERIES = 200_000;
/** What the collector calls itself where it speaks for the whole cluster. */
const CLUSTER = 'kube-state-metrics';

const resourceOfKind = new Map<string, StateResource>(
  STATE_RESOURCES.map((name) => [RESOURCES[name].kind, name]),
);

/**
 * What the collectors of a simulated cluster would have sent, moment by moment: objects go through the decoders and the
 * state that collectors use, exporters' lines through their parser.
 */
export class ClusterHistory {
  readonly #cluster: SimulatedCluster;
  readonly #exporters: ClusterExporters;
  readonly #isOneForAll: boolean;
  readonly #external: Readonly<Record<string, string>>;
  readonly #states = new Map<string, ClusterState>();
  /** By object, whose state it is in. */
  readonly #homes = new Map<string, string>();
  /** By exporter and line, the series as it is stored. */
  readonly #series = new Map<string, Map<string, Labels>>();
  readonly #startMs: number;
  #lastMs: number;

  /**
   * @param externalLabels what every collector adds, such as `cluster`
   * @param options `isOneForAll` where one collector tells of every node's pods, as one without a node does
   */
  constructor(
    cluster: SimulatedCluster,
    externalLabels: Readonly<Record<string, string>>,
    { isOneForAll = false }: { readonly isOneForAll?: boolean } = {},
  ) {
    this.#cluster = cluster;
    this.#isOneForAll = isOneForAll;
    this.#exporters = new ClusterExporters(cluster);
    this.#external = externalLabels;
    this.#startMs = cluster.nowMs;
    this.#lastMs = cluster.nowMs;
  }

  /** What is sent at a moment, after everything that happened since the one before. */
  batchesAt(nowMs: number): readonly SampleBatch[] {
    this.#cluster.advance(nowMs);
    this.#cluster.publish({
      put: (object) => this.#put(object),
      delete: (object) => this.#delete(object),
    });
    const seconds = Math.max(1, (nowMs - this.#lastMs) / 1_000);
    this.#lastMs = nowMs;
    const exporters = this.#exporters.advance(seconds);
    return [...this.#stateBatches(nowMs), this.#exporterBatch(exporters, nowMs)];
  }

  #put(object: StoredObject): void {
    const resource = resourceOfKind.get(object.kind);
    if (resource === undefined) return;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the decoder of this very resource
    const decoded = RESOURCES[resource].decode(object) as ObjectOf<StateResource>;
    const key = objectKey(decoded);
    const node = resource === 'pods' && !this.#isOneForAll ? nodeOf(object) : '';
    const home = node === '' ? CLUSTER : node;
    const id = `${resource} ${key}`;
    const before = this.#homes.get(id);
    if (before !== undefined && before !== home) this.#state(before).remove(resource, key);
    this.#homes.set(id, home);
    this.#state(home).put(resource, key, decoded);
  }

  #delete(object: StoredObject): void {
    const resource = resourceOfKind.get(object.kind);
    if (resource === undefined) return;
    const decoded = RESOURCES[resource].decode(object);
    const key = objectKey(decoded);
    const id = `${resource} ${key}`;
    const home = this.#homes.get(id);
    this.#homes.delete(id);
    if (home !== undefined) this.#state(home).remove(resource, key);
  }

  #state(instance: string): ClusterState {
    let state = this.#states.get(instance);
    if (state === undefined) {
      state = new ClusterState({
        commonLabels: [
          ['job', 'kube-state-metrics'],
          ['instance', instance],
          ...Object.entries(this.#external),
        ],
        maxSeries: MAX_SERIES,
        allowedLabels: new Map([['persistentvolumeclaims', ['excluded_from_alerts']]]),
        allowedAnnotations: new Map(),
        hasOptIn: false,
      });
      this.#states.set(instance, state);
    }
    return state;
  }

  *#stateBatches(nowMs: number): Generator<SampleBatch> {
    // Nobody speaks for the pods of a node without a collector.
    const silent = new Set(
      this.#cluster.nodes
        .filter(({ isGone, oddities }) => isGone || oddities.has('no collector'))
        .map(({ name }) => name),
    );
    const builder = new SampleBatchBuilder();
    for (const [instance, state] of this.#states) {
      if (silent.has(instance)) continue;
      yield state.takeAll(nowMs);
      const labels = { ...this.#external, job: 'kube-state-metrics', instance };
      builder.addSeries(Labels.fromRecord({ ...labels, [METRIC_NAME]: 'up' }));
      builder.addSample(nowMs, 1);
      this.#addRequests(builder, instance, nowMs);
    }
    yield builder.take();
  }

  /** What a collector counts of its lists and watches; those of node-17 fail. */
  #addRequests(builder: SampleBatchBuilder, instance: string, nowMs: number): void {
    const minutes = (nowMs - this.#startMs) / 60_000;
    const isFailing = instance === 'node-17' && this.#cluster.oddities.has('watches fail');
    for (const verb of ['list', 'watch']) {
      for (const result of ['success', 'error']) {
        builder.addSeries(
          Labels.fromRecord({
            ...this.#external,
            job: 'kube-state-metrics',
            instance,
            [METRIC_NAME]: `kube_state_metrics_${verb}_total`,
            resource: '*v1.Pod',
            result,
          }),
        );
        builder.addSample(nowMs, result === 'success' ? 1 : isFailing ? minutes : 0);
      }
    }
  }

  #exporterBatch(exporters: readonly Exporter[], nowMs: number): SampleBatch {
    const builder = new SampleBatchBuilder();
    for (const exporter of exporters) {
      const { kind, isUp, body } = exporter;
      const known = this.#seriesOf(exporter);
      if (kind === 'scraped') {
        builder.addSeries(known.get('up')!);
        builder.addSample(nowMs, isUp ? 1 : 0);
      }
      if (!isUp) continue;
      let samples = 0;
      for (const { values } of body.sections()) {
        samples += values.size;
        for (const [series, value] of values) {
          builder.addSeries(known.get(series)!);
          builder.addSample(nowMs, value);
        }
      }
      if (kind === 'told') continue;
      builder.addSeries(known.get('scrape_samples_scraped')!);
      builder.addSample(nowMs, samples);
      builder.addSeries(known.get('scrape_duration_seconds')!);
      builder.addSample(nowMs, 0.01 + samples * 1e-5);
    }
    return builder.take();
  }

  /** Every line of an exporter as a series; what was not seen before is parsed as a scrape would. */
  #seriesOf({ labels, body }: Exporter): Map<string, Labels> {
    const target = { ...this.#external, ...labels };
    const key = JSON.stringify(target);
    let known = this.#series.get(key);
    if (known === undefined) {
      known = new Map();
      this.#series.set(key, known);
    }
    const own = ['up', 'scrape_samples_scraped', 'scrape_duration_seconds'];
    const lines: string[] = known.has('up') ? [] : own;
    for (const { values } of body.sections()) {
      for (const series of values.keys()) if (!known.has(series)) lines.push(series);
    }
    if (lines.length === 0) return known;
    const parser = createExpositionParser('text', Buffer.from(`${lines.join(' 0\n')} 0\n`));
    let at = 0;
    for (let entry = parser.next(); entry !== null; entry = parser.next()) {
      if (entry === 'series')
        known.set(lines[at++]!, Labels.fromRecord({ ...target, ...parser.labels().toRecord() }));
    }
    return known;
  }
}

function nodeOf({ spec }: StoredObject): string {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a pod's spec
  return (spec as { nodeName?: string }).nodeName ?? '';
}
