import { growEvents, growLogs, setIngressProbes, setPodProbes } from './agent-metrics.ts';
import type { SimNode, SimPod, SimWorkload } from './cluster-model.ts';
import { growApiServer } from './control-plane-metrics.ts';
import { MetricBody } from './metric-body.ts';
import { growHost, growKubelet, growProcess } from './node-metrics.ts';
import { growCadvisor, growProbes, setVolumeStats } from './pod-metrics.ts';
import type { SimulatedCluster } from './simulated-cluster.ts';

/** Something whose metrics are read, and what every series of it carries beside its own labels. */
export interface Exporter {
  readonly labels: Readonly<Record<string, string>>;
  readonly body: MetricBody;
  /** Whether anybody is there to be asked. */
  readonly isUp: boolean;
  /** `scraped` has an `up`; what collectors `tell` has none. */
  readonly kind: 'scraped' | 'told';
}

/** Namespaces and names of the workloads whose pods have metrics of their own. */
const ANNOTATED: ReadonlySet<string> = new Set(['shop/frontend', 'logistics/routes']);

/** Everything in a simulated cluster that has metrics, beside the objects of its API. */
export class ClusterExporters {
  readonly #cluster: SimulatedCluster;
  readonly #bodies = new Map<string, MetricBody>();

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster;
  }

  /** Lets every counter grow by what happens in `seconds`. @returns who can be asked now */
  advance(seconds: number): readonly Exporter[] {
    const cluster = this.#cluster;
    const pods = new Map<string, [SimPod, SimWorkload][]>();
    for (const workload of cluster.workloads) {
      for (const pod of workload.pods) {
        if (pod.node === null) continue;
        const there = pods.get(pod.node);
        if (there === undefined) pods.set(pod.node, [[pod, workload]]);
        else there.push([pod, workload]);
      }
    }
    const exporters = cluster.nodes.flatMap((node) =>
      this.#ofNode(node, pods.get(node.name) ?? [], seconds),
    );
    const apiServer = this.#body('apiserver');
    growApiServer(apiServer, cluster, seconds);
    for (const number of [1, 2]) {
      exporters.push({
        labels: { job: 'apiserver', instance: `10.1.0.${number}:6443` },
        body: apiServer,
        isUp: number === 1 || !cluster.oddities.has('second API server is down'),
        kind: 'scraped',
      });
    }
    const ingresses = this.#body('ingresses');
    for (const ingress of cluster.ingresses) {
      setIngressProbes(ingresses, ingress);
    }
    const events = this.#body('events');
    growEvents(events, cluster.pods(), seconds);
    const leader = { job: 'binnacle-collector', instance: 'node-01' };
    exporters.push(
      {
        labels: { job: 'ingresses', instance: 'ingress' },
        body: ingresses,
        isUp: true,
        kind: 'told',
      },
      { labels: leader, body: events, isUp: true, kind: 'told' },
    );
    return exporters;
  }

  #ofNode(
    node: SimNode,
    placed: readonly (readonly [SimPod, SimWorkload])[],
    seconds: number,
  ): Exporter[] {
    const { name } = node;
    const pods = placed.map(([pod]) => pod);
    const keys = new Set(pods.map((pod) => `${pod.namespace}/${pod.name}`));
    const body = (kind: string): MetricBody => this.#body(`${name} ${kind}`);
    const [metrics, cadvisor, probes, host, agent] = [
      body('metrics'),
      body('cadvisor'),
      body('probes'),
      body('host'),
      body('agent'),
    ];
    // What runs on a node that is gone goes on, but nobody hears of it.
    if (!node.isGone) {
      cadvisor.keep(new Set(['/', ...keys]));
      probes.keep(keys);
      agent.keep(new Set([...keys].flatMap((key) => [`logs ${key}`, `probes ${key}`])));
      growKubelet(metrics, node, pods, seconds);
      const mounted = new Set(
        pods.flatMap(({ claims, namespace }) => claims.map((c) => `${namespace}/${c}`)),
      );
      setVolumeStats(
        metrics,
        this.#cluster.claims.filter((claim) => mounted.has(`${claim.namespace}/${claim.name}`)),
      );
      growCadvisor(cadvisor, node, pods, seconds);
      growProbes(probes, pods, seconds);
      const cores = pods.reduce((sum, { cpuUse }) => sum + cpuUse, 0);
      growHost(host, node, cores, { nowMs: this.#cluster.nowMs, seconds });
      growLogs(agent, placed, seconds);
      setPodProbes(agent, pods);
    }
    // A collector that is gone takes what it reads of its node with it.
    const isWatched = !node.isGone && !node.oddities.has('no collector');
    const isKubeletUp = isWatched && !node.oddities.has('kubelet does not answer');
    if (!isWatched) return [];
    const kubelet = { job: 'kubelet', instance: name, node: name };
    const all: Exporter[] = (
      [
        ['/metrics', metrics],
        ['/metrics/cadvisor', cadvisor],
        ['/metrics/probes', probes],
      ] as const
    ).map(([path, of]) => ({
      labels: { ...kubelet, metrics_path: path },
      body: of,
      isUp: isKubeletUp,
      kind: 'scraped',
    }));
    all.push(
      { labels: { job: 'node-exporter', instance: name }, body: host, isUp: true, kind: 'told' },
      {
        labels: { job: 'binnacle-collector', instance: name },
        body: agent,
        isUp: true,
        kind: 'told',
      },
    );
    for (const pod of pods) {
      if (!ANNOTATED.has(`${pod.namespace}/${pod.container}`)) continue;
      const own = body(`pod ${pod.namespace}/${pod.name}`);
      growProcess(own.section('process'), seconds, {
        cores: pod.cpuUse,
        megabytes: pod.memoryUse / 1024 ** 2,
        createdMs: pod.createdMs,
      });
      const { namespace } = pod;
      all.push({
        labels: {
          job: 'kubernetes-pods',
          instance: `${pod.ip}:8080`,
          namespace,
          pod: pod.name,
          node: name,
        },
        body: own,
        isUp: !this.#cluster.oddities.has(`${namespace}/${pod.container} has no metrics`),
        kind: 'scraped',
      });
    }
    return all;
  }

  #body(key: string): MetricBody {
    let body = this.#bodies.get(key);
    if (body === undefined) {
      body = new MetricBody();
      this.#bodies.set(key, body);
    }
    return body;
  }
}
