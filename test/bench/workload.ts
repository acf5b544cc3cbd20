import { Labels } from '#libs/labels';

/** What is fed: the series, and the value of each at one step after the other. */
export interface Workload {
  readonly seriesCount: number;
  labelsOf(series: number): Labels;
  /** The next value of a series; called once for each of its steps, in order. */
  nextValue(series: number): number;
}

/** How a workload is named between the processes. */
export type WorkloadSpec =
  /** 100 counters for each pod: 20 metrics of 5 containers, labelled as the kubelet's cAdvisor does. */
  | { readonly kind: 'containers'; readonly pods: number }
  /** Request counters, 20 for each instance, and histograms with 12 buckets, 10 for each instance. */
  | { readonly kind: 'requests'; readonly instances: number }
  /** `scale_<size>_total`: as many series as each of the sizes says, with few labels. */
  | { readonly kind: 'scale'; readonly sizes: readonly number[] };

export const CONTAINER_COUNTERS = [
  'container_cpu_usage_seconds_total',
  'container_network_receive_bytes_total',
  'container_fs_reads_bytes_total',
  'container_oom_events_total',
  'container_cpu_user_seconds_total',
  'container_network_transmit_bytes_total',
  'container_fs_writes_bytes_total',
  'container_network_receive_errors_total',
  'container_cpu_system_seconds_total',
  'container_network_receive_packets_total',
  'container_fs_reads_total',
  'container_network_transmit_errors_total',
  'container_cpu_cfs_throttled_seconds_total',
  'container_network_transmit_packets_total',
  'container_fs_writes_total',
  'container_memory_failcnt',
  'container_fs_io_time_seconds_total',
  'container_cpu_cfs_periods_total',
  'container_cpu_cfs_throttled_periods_total',
  'container_memory_failures_total',
] as const;

export const CONTAINERS = ['app', 'proxy', 'agent', 'cache', 'init'] as const;
export const NAMESPACES = 20;
const NODES = 50;
const IMAGES = 7;

/** Upper bounds of the buckets, as client libraries have them by default. */
const BUCKETS = [
  '0.005',
  '0.01',
  '0.025',
  '0.05',
  '0.1',
  '0.25',
  '0.5',
  '1',
  '2.5',
  '5',
  '10',
  '+Inf',
] as const;

const COUNTERS_PER_INSTANCE = 20;
const HISTOGRAMS_PER_INSTANCE = 10;
const SCALE_GROUPS = 100;

/** Builds what a spec names. Two of the same spec give the same values. */
export function createWorkload(spec: WorkloadSpec): Workload {
  switch (spec.kind) {
    case 'containers':
      return new ContainerWorkload(spec.pods);
    case 'requests':
      return new RequestWorkload(spec.instances);
    case 'scale':
      return new ScaleWorkload(spec.sizes);
  }
}

/** The pod's name as a Deployment gives it. */
export function podName(pod: number): string {
  return `service-${pod % 100}-6c9d7b54f${pod % 10}-${pod.toString(36).padStart(5, 'x')}`;
}

class ContainerWorkload implements Workload {
  readonly seriesCount: number;
  readonly #values: Float64Array;
  readonly #random = new Random();

  constructor(pods: number) {
    this.seriesCount = pods * CONTAINERS.length * CONTAINER_COUNTERS.length;
    this.#values = new Float64Array(this.seriesCount);
  }

  labelsOf(series: number): Labels {
    const counter = series % CONTAINER_COUNTERS.length;
    const container = Math.floor(series / CONTAINER_COUNTERS.length) % CONTAINERS.length;
    const pod = Math.floor(series / CONTAINER_COUNTERS.length / CONTAINERS.length);
    return Labels.fromRecord({
      __name__: CONTAINER_COUNTERS[counter]!,
      container: CONTAINERS[container]!,
      image: `registry.example.com/shop/service:${pod % IMAGES}`,
      instance: `10.0.0.${pod % NODES}:10250`,
      job: 'kubelet',
      metrics_path: '/metrics/cadvisor',
      namespace: `team-${pod % NAMESPACES}`,
      node: `node-${pod % NODES}`,
      pod: podName(pod),
    });
  }

  nextValue(series: number): number {
    const random = this.#random.next();
    return (this.#values[series]! += containerGrowth(series, random));
  }
}

/** A quarter each: seconds with fractions, bytes, packets, and errors that hardly ever happen. */
function containerGrowth(series: number, random: number): number {
  switch (series % 4) {
    case 0:
      return random * 15;
    case 1:
      return Math.floor(random * 1_000_000);
    case 2:
      return Math.floor(random * 500);
    default:
      return random < 0.02 ? 1 : 0;
  }
}

class RequestWorkload implements Workload {
  readonly seriesCount: number;
  readonly #counters: number;
  readonly #values: Float64Array;
  /** By how much each grew last. */
  readonly #growth: Float64Array;
  readonly #random = new Random();

  constructor(instances: number) {
    this.#counters = instances * COUNTERS_PER_INSTANCE;
    this.seriesCount = this.#counters + instances * HISTOGRAMS_PER_INSTANCE * BUCKETS.length;
    this.#values = new Float64Array(this.seriesCount);
    this.#growth = new Float64Array(this.seriesCount);
  }

  labelsOf(series: number): Labels {
    if (series < this.#counters) {
      const handler = series % COUNTERS_PER_INSTANCE;
      return Labels.fromRecord({
        __name__: 'http_requests_total',
        code: handler % 4 === 0 ? '500' : '200',
        handler: `/api/v1/orders/${handler >> 1}`,
        instance: `10.0.1.${Math.floor(series / COUNTERS_PER_INSTANCE)}:8080`,
        job: 'orders',
        method: handler % 2 === 0 ? 'GET' : 'POST',
      });
    }
    const bucket = series - this.#counters;
    const histogram = Math.floor(bucket / BUCKETS.length);
    return Labels.fromRecord({
      __name__: 'http_request_duration_seconds_bucket',
      handler: `/api/v1/orders/${histogram % HISTOGRAMS_PER_INSTANCE}`,
      instance: `10.0.1.${Math.floor(histogram / HISTOGRAMS_PER_INSTANCE)}:8080`,
      job: 'orders',
      le: BUCKETS[bucket % BUCKETS.length]!,
    });
  }

  nextValue(series: number): number {
    const random = this.#random.next();
    if (series < this.#counters) return (this.#values[series]! += Math.floor(random * 300));
    // A higher bucket counts what the lower ones count, and more.
    const bucket = (series - this.#counters) % BUCKETS.length;
    const below = bucket === 0 ? 0 : this.#growth[series - 1]!;
    const growth = below + Math.floor(random * 20);
    this.#growth[series] = growth;
    return (this.#values[series]! += growth);
  }
}

class ScaleWorkload implements Workload {
  readonly seriesCount: number;
  readonly #sizes: readonly number[];
  readonly #values: Float64Array;
  readonly #random = new Random();

  constructor(sizes: readonly number[]) {
    this.#sizes = sizes;
    this.seriesCount = sizes.reduce((sum, size) => sum + size, 0);
    this.#values = new Float64Array(this.seriesCount);
  }

  labelsOf(series: number): Labels {
    let index = series;
    for (const size of this.#sizes) {
      if (index < size) {
        return Labels.fromRecord({
          __name__: scaleMetric(size),
          group: `group-${index % SCALE_GROUPS}`,
          instance: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}:9100`,
          job: 'scale',
        });
      }
      index -= size;
    }
    throw new RangeError(`there is no series ${series}`);
  }

  nextValue(series: number): number {
    return (this.#values[series]! += Math.floor(this.#random.next() * 100));
  }
}

/** The name of the metric that has `size` series. */
export function scaleMetric(size: number): string {
  return `scale_${size}_total`;
}

/** A small generator of its own, so that two runs are fed the same. */
class Random {
  #state = 20_260_101;

  /** From 0 up to 1. */
  next(): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#state / 2 ** 32;
  }
}
