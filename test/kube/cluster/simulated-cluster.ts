import { randomFrom } from '../../faults/random-from.ts';
import type { StoredObject } from '../selectors.ts';
import type {
  SimAutoscaler,
  SimBudget,
  SimClaim,
  SimCronJob,
  SimIngress,
  SimJob,
  SimNode,
  SimPod,
  SimQuota,
  SimWorkload,
  WorkloadKind,
} from './cluster-model.ts';
import {
  autoscalerObject,
  budgetObject,
  claimObjects,
  cronJobObject,
  ingressObject,
  isPodReady,
  jobObject,
  namespaceObject,
  nodeObject,
  podObject,
  quotaObject,
  workloadObjects,
} from './cluster-objects.ts';
import * as plan from './cluster-plan.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const MIB = 1024 ** 2;
/** How long pods stay on a node that is gone. */
const EVICTED_AFTER_MS = 5 * MINUTE_MS;

/** Where the cluster's objects are told: an API server, or whoever wants to know. */
export interface ObjectAudience {
  put(object: StoredObject): unknown;
  delete(object: StoredObject): unknown;
}

/**
 * A cluster of 20 nodes and some 400 pods that lives in the time it is given: controllers do what Kubernetes' own would,
 * and whatever goes wrong is done to it from outside. The same seed gives the same cluster.
 */
export class SimulatedCluster {
  readonly nodes: SimNode[];
  readonly workloads: SimWorkload[] = [];
  readonly claims: SimClaim[] = [];
  readonly autoscalers: SimAutoscaler[];
  readonly jobs: SimJob[] = [];
  readonly cronJobs: SimCronJob[];
  readonly quotas: SimQuota[];
  readonly budgets: SimBudget[];
  readonly ingresses: SimIngress[];
  /** What is wrong with the control plane and with Binnacle itself, by what is measured. */
  readonly oddities = new Map<string, number>();
  readonly #random: () => number;
  readonly #createdMs: number;
  readonly #namespaces: readonly string[];
  readonly #told = new Map<string, { readonly text: string; readonly object: StoredObject }>();
  readonly #goneSince = new Map<string, number>();
  #pods = 0;
  #nowMs: number;

  constructor({ seed, startMs }: { readonly seed: number; readonly startMs: number }) {
    this.#random = randomFrom(seed);
    this.#nowMs = startMs;
    this.#createdMs = startMs - 30 * DAY_MS;
    this.nodes = Array.from({ length: plan.NODE_COUNT }, (_, i) => newNode(i + 1));
    this.autoscalers = plan.AUTOSCALED.map(([namespace, target, max]) => {
      const current = plan.DEPLOYMENTS[namespace]![target]!;
      return { namespace, target, min: 2, max, current, desired: current, isActive: true };
    });
    this.cronJobs = plan.CRON_JOBS.map(([namespace, name, everyMinutes]) => {
      const lastMs = startMs - (startMs % (everyMinutes * MINUTE_MS));
      const isSuspended = name === 'archive';
      return {
        namespace,
        name,
        everyMinutes,
        isSuspended,
        lastScheduleMs: lastMs,
        lastSuccessMs: lastMs,
      };
    });
    this.quotas = Object.entries(plan.QUOTAS).map(([namespace, hard]) => ({
      namespace,
      hard,
      used: Object.fromEntries(Object.entries(hard).map(([key, value]) => [key, value / 4])),
    }));
    this.budgets = plan.BUDGETS.map(([namespace, target, minAvailable]) => ({
      namespace,
      target,
      minAvailable,
    }));
    this.ingresses = plan.INGRESSES.map(([namespace, service]) => ({
      namespace,
      name: service,
      service,
      host: `${service}.${namespace}.example.com`,
      isUp: true,
      certificateEndsMs: startMs + 60 * DAY_MS,
    }));
    this.#addWorkloads();
    // To be moved away when that node's collector is gone.
    this.workload('accounts', 'redis').pods[2]!.node = 'node-16';
    const names = [...this.workloads, ...this.cronJobs, ...this.quotas];
    this.#namespaces = [...new Set(names.map(({ namespace }) => namespace))].toSorted();
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  *pods(): Generator<SimPod> {
    for (const { pods } of this.workloads) yield* pods;
  }

  workload(namespace: string, name: string): SimWorkload {
    return find(this.workloads, (one) => one.namespace === namespace && one.name === name);
  }

  node(number: number): SimNode {
    return this.nodes[number - 1]!;
  }

  claim(name: string): SimClaim {
    return find(this.claims, (one) => one.name === name);
  }

  /** Adds a pod to a workload, on the node with the most room, or on none. */
  addPod(
    workload: SimWorkload,
    options: { readonly node?: string | null; readonly revision?: string } = {},
  ): SimPod {
    const { kind, namespace, name } = workload;
    const revision = options.revision ?? workload.revision;
    const ordinal = workload.pods.length;
    const suffix = this.#suffix();
    const isDeployment = kind === 'Deployment';
    const node = options.node === undefined ? this.#roomiest(workload).name : options.node;
    const isIdle = namespace === 'staging';
    const pod: SimPod = {
      namespace,
      name:
        kind === 'StatefulSet'
          ? `${name}-${ordinal}`
          : `${name}${isDeployment ? `-${revision}` : ''}-${suffix}`,
      ip: `10.2.${1 + (this.#pods >> 8)}.${this.#pods & 255}`,
      createdMs: this.#createdMs,
      owner: isDeployment ? { kind: 'ReplicaSet', name: `${name}-${revision}` } : { kind, name },
      container: name,
      revision,
      cpuRequest: workload.cpuRequest,
      memoryRequest: workload.memoryRequest,
      claims: kind === 'StatefulSet' ? [`data-${name}-${ordinal}`] : [],
      node,
      phase: node === null ? 'Pending' : 'Running',
      reason: '',
      isReady: node !== null,
      isCutOff: false,
      deletedMs: null,
      waiting: '',
      restarts: 0,
      lastEnd: null,
      probes: {
        Liveness: workload.hasService ? 'ok' : null,
        Readiness: workload.hasService ? 'ok' : null,
        Startup: name === 'cache' || name === 'postgres' ? 'ok' : null,
      },
      cpuUse: workload.cpuRequest * (isIdle ? 0.05 : 0.3 + 0.5 * this.#random()),
      memoryUse: workload.memoryRequest * (0.5 + 0.4 * this.#random()),
      throttled: 0.01 * this.#random(),
      oomEvents: 0,
      linesPerSecond: isIdle ? 0.1 : 0.5 + this.#random(),
      errorShare: namespace === 'internal' ? 0 : 0.002,
      isMismatched: false,
    };
    this.#pods++;
    workload.pods.push(pod);
    return pod;
  }

  /** The container ends and is started anew. */
  restart(pod: SimPod, reason: string, exitCode: number): void {
    pod.restarts++;
    pod.lastEnd = { reason, exitCode, atMs: this.#nowMs };
  }

  /** Lets the controllers work up to `nowMs`. */
  advance(nowMs: number): void {
    this.#nowMs = nowMs;
    for (const node of this.nodes) {
      if (!node.isGone && node.isReady) this.#goneSince.delete(node.name);
      else if (!this.#goneSince.has(node.name)) this.#goneSince.set(node.name, nowMs);
    }
    for (const pod of this.pods()) {
      pod.isCutOff = pod.node !== null && this.#goneSince.has(pod.node);
    }
    for (const workload of this.workloads) this.#replaceLost(workload);
    for (const cron of this.cronJobs) this.#runCronJob(cron);
  }

  /** Tells what has changed since the last time. */
  publish(audience: ObjectAudience): void {
    const seen = new Set<string>();
    for (const object of this.#objects()) {
      const { kind, metadata } = object;
      const key = `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
      seen.add(key);
      const text = JSON.stringify(object);
      if (this.#told.get(key)?.text === text) continue;
      this.#told.set(key, { text, object });
      audience.put(object);
    }
    for (const [key, { object }] of this.#told) {
      if (seen.has(key)) continue;
      this.#told.delete(key);
      audience.delete(object);
    }
  }

  *#objects(): Generator<StoredObject> {
    const createdMs = this.#createdMs;
    for (const name of this.#namespaces) yield namespaceObject(name, createdMs);
    for (const node of this.nodes) yield nodeObject(node, createdMs);
    const addresses = new Map(this.nodes.map(({ name, ip }) => [name, ip]));
    for (const workload of this.workloads) {
      yield* workloadObjects(workload, createdMs);
      for (const pod of workload.pods) yield podObject(pod, addresses.get(pod.node ?? '') ?? '');
    }
    for (const claim of this.claims) yield* claimObjects(claim, createdMs);
    for (const hpa of this.autoscalers) yield autoscalerObject(hpa, createdMs);
    for (const cron of this.cronJobs) yield cronJobObject(cron, createdMs);
    for (const job of this.jobs) yield jobObject(job);
    for (const quota of this.quotas) yield quotaObject(quota, createdMs);
    for (const ingress of this.ingresses) yield ingressObject(ingress, createdMs);
    for (const budget of this.budgets) {
      const { pods, replicas } = this.workload(budget.namespace, budget.target);
      const healthy = pods.filter(isPodReady).length;
      yield budgetObject(budget, { healthy, expected: replicas }, createdMs);
    }
  }

  #addWorkloads(): void {
    for (const [namespace, sets] of Object.entries(plan.DAEMON_SETS)) {
      for (const name of sets) {
        const workload = this.#newWorkload('DaemonSet', namespace, name, plan.NODE_COUNT);
        for (const node of this.nodes) this.addPod(workload, { node: node.name });
      }
    }
    for (const [kind, all] of [
      ['StatefulSet', plan.STATEFUL_SETS],
      ['Deployment', plan.DEPLOYMENTS],
    ] as const) {
      for (const [namespace, sets] of Object.entries(all)) {
        for (const [name, replicas] of Object.entries(sets)) {
          const workload = this.#newWorkload(kind, namespace, name, replicas);
          for (let i = 0; i < replicas; i++) {
            const { claims } = this.addPod(workload);
            for (const claim of claims) this.claims.push(newClaim(namespace, claim));
          }
        }
      }
    }
    for (const { namespace, name } of this.cronJobs) {
      const job = this.#newWorkload('Job', namespace, `${name}-28000000`, 1);
      const pod = this.addPod(job);
      Object.assign(pod, { phase: 'Succeeded', isReady: false, cpuUse: 0, memoryUse: 0 });
      pod.linesPerSecond = 0;
    }
  }

  #newWorkload(kind: WorkloadKind, namespace: string, name: string, replicas: number): SimWorkload {
    const revision = this.#suffix();
    const workload: SimWorkload = {
      kind,
      namespace,
      name,
      cpuRequest: kind === 'DaemonSet' ? 0.05 : 0.2,
      memoryRequest: (kind === 'DaemonSet' ? 64 : 256) * MIB,
      hasService:
        (kind === 'Deployment' || kind === 'StatefulSet') && !/worker|runner|mailer/.test(name),
      replicas,
      revision,
      currentRevision: revision,
      generation: 1,
      observedGeneration: 1,
      isProgressing: true,
      misscheduled: 0,
      unscheduled: 0,
      pods: [],
    };
    this.workloads.push(workload);
    return workload;
  }

  /** What the node controller and the workload controllers do about pods on a node that is gone. */
  #replaceLost(workload: SimWorkload): void {
    if (workload.kind !== 'Deployment') return;
    for (const pod of workload.pods.filter(({ deletedMs }) => deletedMs === null)) {
      const since = pod.node === null ? undefined : this.#goneSince.get(pod.node);
      if (since === undefined || this.#nowMs - since < EVICTED_AFTER_MS) continue;
      pod.deletedMs = this.#nowMs;
      this.addPod(workload, { revision: pod.revision });
      // Kubelet ends it where there is one.
      if (!this.nodes.find(({ name }) => name === pod.node)!.isGone) {
        workload.pods.splice(workload.pods.indexOf(pod), 1);
      }
    }
  }

  #runCronJob(cron: SimCronJob): void {
    const periodMs = cron.everyMinutes * MINUTE_MS;
    const dueMs = this.#nowMs - (this.#nowMs % periodMs);
    if (cron.isSuspended || cron.lastScheduleMs >= dueMs) return;
    if (this.oddities.has(`${cron.name} is not scheduled`)) return;
    cron.lastScheduleMs = dueMs;
    const isFailing = this.oddities.has(`${cron.name} fails`);
    if (!isFailing) cron.lastSuccessMs = dueMs + 30_000;
    this.jobs.push({
      namespace: cron.namespace,
      name: `${cron.name}-${dueMs / MINUTE_MS}`,
      cronJob: cron.name,
      startMs: dueMs,
      endMs: dueMs + 30_000,
      state: isFailing ? 'failed' : 'complete',
    });
  }

  /** The node with the fewest pods that takes some; stateful ones stay away from the last nodes, which break. */
  #roomiest(workload: SimWorkload): SimNode {
    const counts = new Map<string, number>();
    for (const { node } of this.pods()) counts.set(node ?? '', (counts.get(node ?? '') ?? 0) + 1);
    const last = workload.kind === 'StatefulSet' ? 4 : this.nodes.length;
    const open = this.nodes.slice(0, last).filter(({ isGone, isReady }) => isReady && !isGone);
    return open.reduce((best, node) =>
      (counts.get(node.name) ?? 0) < (counts.get(best.name) ?? 0) ? node : best,
    );
  }

  #suffix(): string {
    return Array.from(
      { length: 5 },
      () => 'bcdfghjklmnpqrstvwxz2456789'[Math.floor(this.#random() * 27)],
    ).join('');
  }
}

function newNode(number: number): SimNode {
  return {
    name: `node-${String(number).padStart(2, '0')}`,
    ip: `10.1.0.${number}`,
    cores: plan.NODE_CORES,
    memoryBytes: plan.NODE_MEMORY_BYTES,
    isControlPlane: number === 1,
    isGone: false,
    isReady: true,
    hasDiskPressure: false,
    diskFree: 0.6,
    filesFree: 0.9,
    busyCores: 0.5,
    memoryFree: 0.5,
    oddities: new Map(),
  };
}

function newClaim(namespace: string, name: string): SimClaim {
  return {
    namespace,
    name,
    capacityBytes: plan.CLAIM_BYTES,
    phase: 'Bound',
    volumePhase: 'Bound',
    free: 0.6,
    filesFree: 0.9,
  };
}

function find<T>(all: readonly T[], matches: (one: T) => boolean): T {
  const found = all.find(matches);
  if (found === undefined) throw new Error('the simulated cluster has no such thing');
  return found;
}
