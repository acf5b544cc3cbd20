import { Labels } from '#libs/labels';
import { Dispatcher, parseAlertmanagerConfig } from '#libs/dispatch';

const ALERTS = 10_000;
const GROUPS = 1_000;
const CONFIG = `
route: {receiver: ops, group_by: [alertname], group_wait: 30s, group_interval: 5m, repeat_interval: 4h}
receivers:
- name: ops
  webhook_configs: [{url: 'http://127.0.0.1/'}]
inhibit_rules:
- source_matchers: [severity="critical"]
  target_matchers: [severity=~"warning|info"]
  equal: [namespace, alertname]
- source_matchers: [alertname="InfoInhibitor"]
  target_matchers: [severity="info"]
  equal: [namespace]
`;

const incoming = Array.from({ length: ALERTS }, (_, i) => ({
  labels: Labels.fromRecord({
    alertname: `Alert${i % GROUPS}`,
    namespace: `ns${i % 40}`,
    pod: `pod-${i}`,
    job: 'kube-state-metrics',
    severity: ['critical', 'warning', 'info'][i % 3]!,
  }),
  annotations: Labels.fromRecord({ summary: `pod ${i} is not well` }),
  startsAtMs: 0,
  endsAtMs: 1e12,
  generatorUrl: '',
}));

/** What each step took of a life of 10,000 alerts in 1,000 groups, in milliseconds of the thread. */
export interface DecisionPasses {
  readonly accept: number;
  /** Every group is announced. */
  readonly announce: number;
  readonly settle: number;
  /** The same alerts once more. */
  readonly repeat: number;
  /** Every group is due and has nothing to say. */
  readonly allDue: number;
  readonly noneDue: number;
}

/** Takes a dispatcher through one round. */
export function measureDecisionPasses(): DecisionPasses {
  const dispatcher = new Dispatcher(parseAlertmanagerConfig(CONFIG, 'bench.yml'));
  const accept = timed(() => dispatcher.accept(incoming, 1_000));
  let sent: readonly { readonly id: string }[] = [];
  const announce = timed(() => {
    sent = dispatcher.decide(60_000).notifications;
  });
  if (sent.length !== GROUPS) throw new Error(`${sent.length} groups were announced`);
  const settle = timed(() => {
    for (const { id } of sent) dispatcher.settle(id, 'delivered', 60_000);
  });
  const repeat = timed(() => dispatcher.accept(incoming, 120_000));
  const allDue = timed(() => {
    dispatcher.decide(400_000);
  });
  const noneDue = timed(() => {
    dispatcher.decide(400_001);
  });
  return { accept, announce, settle, repeat, allDue, noneDue };
}

/** The time the thread spends, so that it does not matter what else the machine does. */
function timed(body: () => void): number {
  const startMs = threadMs();
  body();
  return threadMs() - startMs;
}

function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
