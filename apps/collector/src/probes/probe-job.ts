import type { Labels } from '#libs/labels';
import type { ProbeModule } from '#libs/probes';

/** One target and everything about how it is probed. */
export interface ProbeJob {
  readonly name: string;
  readonly moduleName: string;
  readonly module: ProbeModule;
  readonly target: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Of all its series. */
  readonly labels: Labels;
  /** Where the target's host is, without asking DNS; null to ask. */
  readonly dialIp: string | null;
  /** Whether somebody else than the operator chose the target: it is then kept away from addresses that are not theirs. */
  readonly isGuarded: boolean;
}
