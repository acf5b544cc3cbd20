import type { SimClaim, SimNode, SimPod } from './cluster-model.ts';
import { CLAIM_FILES } from './cluster-plan.ts';
import type { MetricBody, MetricSection } from './metric-body.ts';

/** What kubelet's `/metrics/cadvisor` says of the pods of a node. */
export function growCadvisor(
  body: MetricBody,
  node: SimNode,
  pods: readonly SimPod[],
  seconds: number,
): void {
  const root = body.section('/');
  const used = pods.reduce((sum, { cpuUse }) => sum + cpuUse, node.busyCores);
  root.add('container_cpu_usage_seconds_total{id="/",cpu="total"}', used * seconds);
  root.set('container_memory_working_set_bytes{id="/"}', node.memoryBytes * (1 - node.memoryFree));
  for (const pod of pods) {
    if (pod.phase !== 'Running') continue;
    const section = body.section(`${pod.namespace}/${pod.name}`);
    const name = `namespace="${pod.namespace}",pod="${pod.name}"`;
    growPod(section, `${name},id="/kubepods/${pod.name}"`, pod, seconds);
    const image = `registry.example/${pod.container}:${pod.revision}`;
    const container = `${name},container="${pod.container}",image="${image}",name="${pod.name}",id="/kubepods/${pod.name}/0"`;
    if (pod.waiting === '') growContainer(section, container, pod, seconds);
  }
}

function growPod(section: MetricSection, labels: string, pod: SimPod, seconds: number): void {
  section.add(`container_cpu_usage_seconds_total{${labels},cpu="total"}`, pod.cpuUse * seconds);
  section.set(`container_memory_working_set_bytes{${labels}}`, pod.memoryUse);
  const bytes = 200_000 * pod.cpuUse * seconds;
  const network = `${labels.replace(/,id=.*/, '')},interface="eth0"`;
  for (const way of ['receive', 'transmit']) {
    section.add(`container_network_${way}_bytes_total{${network}}`, bytes);
    section.add(`container_network_${way}_packets_total{${network}}`, bytes / 800);
    section.add(`container_network_${way}_packets_dropped_total{${network}}`, 0);
    section.add(`container_network_${way}_errors_total{${network}}`, 0);
  }
}

function growContainer(section: MetricSection, labels: string, pod: SimPod, seconds: number): void {
  const periods = seconds * 10;
  section.add(`container_cpu_usage_seconds_total{${labels},cpu="total"}`, pod.cpuUse * seconds);
  section.add(`container_cpu_cfs_periods_total{${labels}}`, periods);
  section.add(`container_cpu_cfs_throttled_periods_total{${labels}}`, periods * pod.throttled);
  section.add(`container_cpu_cfs_throttled_seconds_total{${labels}}`, seconds * pod.throttled);
  section.set(`container_oom_events_total{${labels}}`, pod.oomEvents);
  section.set(`container_memory_working_set_bytes{${labels}}`, pod.memoryUse);
  section.set(`container_memory_usage_bytes{${labels}}`, pod.memoryUse * 1.1);
  section.set(`container_memory_rss{${labels}}`, pod.memoryUse * 0.8);
  section.set(`container_memory_cache{${labels}}`, pod.memoryUse * 0.2);
  section.set(`container_memory_swap{${labels}}`, 0);
  section.set(`container_spec_memory_limit_bytes{${labels}}`, pod.memoryRequest * 2);
  section.set(
    `container_start_time_seconds{${labels}}`,
    (pod.lastEnd?.atMs ?? pod.createdMs) / 1_000,
  );
  for (const way of ['reads', 'writes']) {
    const disk = `${labels},device="/dev/vda"`;
    section.add(`container_fs_${way}_total{${disk}}`, seconds * pod.cpuUse * 2);
    section.add(`container_fs_${way}_bytes_total{${disk}}`, seconds * pod.cpuUse * 16_384);
  }
}

const PROBE_BOUNDS = [0.005, 0.05, 0.5];

/** What kubelet's `/metrics/probes` says of the pods of a node: a probe every ten seconds. */
export function growProbes(body: MetricBody, pods: readonly SimPod[], seconds: number): void {
  for (const pod of pods) {
    if (pod.phase !== 'Running' || pod.waiting !== '') continue;
    const section = body.section(`${pod.namespace}/${pod.name}`);
    for (const type of ['Liveness', 'Readiness', 'Startup'] as const) {
      const state = pod.probes[type];
      if (state === null) continue;
      const of = `container="${pod.container}",namespace="${pod.namespace}",pod="${pod.name}"`;
      const uid = `pod-${pod.namespace}-${pod.name}`;
      const count = type === 'Startup' && state === 'ok' ? 0 : seconds / 10;
      for (const [result, holds] of [
        ['successful', state === 'ok'],
        ['failed', state === 'failing'],
      ] as const) {
        section.add(
          `prober_probe_total{${of},pod_uid="${uid}",probe_type="${type}",result="${result}"}`,
          holds ? count : 0,
        );
      }
      const duration = { value: state === 'ok' ? 0.004 : 0.3, count };
      const labels = `container="${pod.container}",namespace="${pod.namespace}",probe_type="${type}"`;
      section.observe(
        'prober_probe_duration_seconds',
        `${labels},pod="${pod.name}"`,
        PROBE_BOUNDS,
        duration,
      );
    }
  }
}

/** What kubelet's `/metrics` says of the claims that are mounted on its node. */
export function setVolumeStats(body: MetricBody, claims: readonly SimClaim[]): void {
  for (const claim of claims) {
    if (claim.phase !== 'Bound') continue;
    const section = body.section(`claim ${claim.namespace}/${claim.name}`);
    const labels = `{namespace="${claim.namespace}",persistentvolumeclaim="${claim.name}"}`;
    const available = claim.capacityBytes * claim.free;
    const filesFree = CLAIM_FILES * claim.filesFree;
    section.set(`kubelet_volume_stats_capacity_bytes${labels}`, claim.capacityBytes);
    section.set(`kubelet_volume_stats_available_bytes${labels}`, available);
    section.set(`kubelet_volume_stats_used_bytes${labels}`, claim.capacityBytes - available);
    section.set(`kubelet_volume_stats_inodes${labels}`, CLAIM_FILES);
    section.set(`kubelet_volume_stats_inodes_free${labels}`, filesFree);
    section.set(`kubelet_volume_stats_inodes_used${labels}`, CLAIM_FILES - filesFree);
  }
}
