import type { TargetGroup } from '#libs/discovery';

/** Somebody who knows targets: files, an HTTP server, Kubernetes. */
export interface TargetProvider {
  /** Tells all its groups whenever they have changed; the last ones hold until then. */
  start(tell: (groups: readonly TargetGroup[]) => void): void;
  /** Stopping twice, or before starting, is harmless. */
  stop(): Promise<void>;
}
