import { CLUSTER_FAULTS, type ExpectedAlert } from './cluster-faults.ts';

/** An alert that fired in the simulated cluster, and whether people were told of it. */
export interface SeenAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly isTold: boolean;
}

/** Nobody is told of what is wrong by these. */
const ALWAYS: ReadonlySet<string> = new Set(['Watchdog', 'InfoInhibitor']);

/** A value that ends with `*` stands for all that begin like it. */
function fits(wanted: string, value: string | undefined): boolean {
  if (!wanted.endsWith('*')) return wanted === value;
  return value?.startsWith(wanted.slice(0, -1)) === true;
}

function isExpected({ labels, isTold }: SeenAlert, expected: ExpectedAlert): boolean {
  return (
    labels['alertname'] === expected.alert &&
    isTold !== (expected.isMuted ?? false) &&
    Object.entries(expected.labels ?? {}).every(([name, value]) => fits(value, labels[name]))
  );
}

function wordsFor(labels: Readonly<Record<string, string>>, isTold: boolean): string {
  const { alertname, cluster: _cluster, ...others } = labels;
  const pairs = Object.entries(others).map(([name, value]) => `${name}=${value}`);
  return `${alertname} ${isTold ? 'told' : 'muted'} ${pairs.join(' ')}`;
}

/**
 * How the alerts that fired differ from those that the faults are to raise.
 * @returns a line for each fault whose alert is missing, and for each alert that no fault is to raise
 */
export function alertDifferences(seen: readonly SeenAlert[]): readonly string[] {
  const missing = CLUSTER_FAULTS.flatMap(({ name, alerts }) =>
    alerts
      .filter((expected) => !seen.some((alert) => isExpected(alert, expected)))
      .map(
        ({ alert, labels = {}, isMuted = false }) =>
          `- ${name}: ${wordsFor({ alertname: alert, ...labels }, !isMuted)}`,
      ),
  );
  const expected = CLUSTER_FAULTS.flatMap(({ alerts }) => alerts);
  const surprising = seen
    .filter(({ labels }) => !ALWAYS.has(labels['alertname'] ?? ''))
    .filter((alert) => !expected.some((one) => isExpected(alert, one)))
    .map(({ labels, isTold }) => `+ ${wordsFor(labels, isTold)}`);
  return [...missing, ...surprising];
}
