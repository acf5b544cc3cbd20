/** How a probe of a container answers; null for a container without that probe. */
type ProbeState = 'ok' | 'failing' | null;

/** A pod with one container. */
export interface SimPod {
  readonly namespace: string;
  readonly name: string;
  readonly ip: string;
  readonly createdMs: number;
  readonly owner: { readonly kind: string; readonly name: string };
  readonly container: string;
  /** The revision of its workload it was made from. */
  readonly revision: string;
  readonly cpuRequest: number;
  readonly memoryRequest: number;
  /** Volume claims it has mounted. */
  readonly claims: readonly string[];
  /** Null while it waits to be scheduled. */
  node: string | null;
  phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed';
  /** Of the pod as a whole, as `Evicted`. */
  reason: string;
  isReady: boolean;
  /** Its node is gone or not ready, and so it is not either. */
  isCutOff: boolean;
  /** Set when somebody has asked for its end. */
  deletedMs: number | null;
  /** Why the container waits; '' while it runs or has ended. */
  waiting: string;
  restarts: number;
  lastEnd: { readonly reason: string; readonly exitCode: number; readonly atMs: number } | null;
  probes: { Liveness: ProbeState; Readiness: ProbeState; Startup: ProbeState };
  /** Cores in use. */
  cpuUse: number;
  memoryUse: number;
  /** The share of periods in which it is held back. */
  throttled: number;
  oomEvents: number;
  linesPerSecond: number;
  /** The share of its log lines that are errors. */
  errorShare: number;
  /** The shadow probe says something else than kubelet. */
  isMismatched: boolean;
}

export type WorkloadKind = 'Deployment' | 'StatefulSet' | 'DaemonSet' | 'Job';

export interface SimWorkload {
  readonly kind: WorkloadKind;
  readonly namespace: string;
  readonly name: string;
  readonly cpuRequest: number;
  readonly memoryRequest: number;
  readonly hasService: boolean;
  replicas: number;
  revision: string;
  /** Of a StatefulSet: what its pods come from until the update is through. */
  currentRevision: string;
  generation: number;
  observedGeneration: number;
  isProgressing: boolean;
  /** Of a DaemonSet. */
  misscheduled: number;
  unscheduled: number;
  pods: SimPod[];
}

export interface SimNode {
  readonly name: string;
  readonly ip: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly isControlPlane: boolean;
  /** A node that is gone answers nobody. */
  isGone: boolean;
  isReady: boolean;
  hasDiskPressure: boolean;
  /** Of the root file system. */
  diskFree: number;
  filesFree: number;
  /** Cores in use beside those of its pods. */
  busyCores: number;
  memoryFree: number;
  /** Whatever else is wrong, by the name of what is measured; read by the exporters. */
  readonly oddities: Map<string, number>;
}

export interface SimClaim {
  readonly namespace: string;
  readonly name: string;
  readonly capacityBytes: number;
  phase: 'Bound' | 'Pending' | 'Lost';
  volumePhase: 'Bound' | 'Failed';
  free: number;
  filesFree: number;
}

export interface SimAutoscaler {
  readonly namespace: string;
  readonly target: string;
  readonly min: number;
  readonly max: number;
  current: number;
  desired: number;
  isActive: boolean;
}

export interface SimJob {
  readonly namespace: string;
  readonly name: string;
  readonly cronJob: string;
  readonly startMs: number;
  endMs: number | null;
  state: 'active' | 'complete' | 'failed';
}

export interface SimCronJob {
  readonly namespace: string;
  readonly name: string;
  readonly isSuspended: boolean;
  /** Minutes between two runs. */
  readonly everyMinutes: number;
  lastScheduleMs: number;
  lastSuccessMs: number;
}

export interface SimQuota {
  readonly namespace: string;
  readonly hard: Readonly<Record<string, number>>;
  used: Record<string, number>;
}

export interface SimBudget {
  readonly namespace: string;
  readonly target: string;
  readonly minAvailable: number;
}

export interface SimIngress {
  readonly namespace: string;
  readonly name: string;
  readonly host: string;
  readonly service: string;
  isUp: boolean;
  certificateEndsMs: number;
}
