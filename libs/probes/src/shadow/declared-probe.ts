/** The kubelet's own words for its three probes. */
export type ProbeType = 'Liveness' | 'Readiness' | 'Startup';

/** What a pod declares to be asked. */
export type DeclaredCheck =
  | {
      readonly kind: 'http';
      readonly isTls: boolean;
      readonly port: number;
      readonly path: string;
      readonly headers: readonly (readonly [string, string])[];
    }
  | { readonly kind: 'tcp'; readonly port: number }
  | { readonly kind: 'grpc'; readonly port: number; readonly service: string }
  /** One that only the kubelet can make, and why. */
  | { readonly kind: 'impossible'; readonly reason: string };

/** A probe that a pod declares for the kubelet, with the API's defaults filled in. */
export interface DeclaredProbe {
  readonly container: string;
  readonly probeType: ProbeType;
  readonly check: DeclaredCheck;
  readonly initialDelayMs: number;
  readonly timeoutMs: number;
  readonly periodMs: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

/** A container as the kubelet last told of it. */
export interface ContainerView {
  /** Another one after each restart; '' before the first start. */
  readonly id: string;
  /** Null unless it runs. */
  readonly startedAtMs: number | null;
  /** Whether its startup probe is done, or it has none. */
  readonly hasStarted: boolean;
  readonly isReady: boolean;
  /** Whether the pod is being deleted. */
  readonly isEnding: boolean;
}
