import { Labels } from '#libs/labels';
import { Dispatcher, parseAlertmanagerConfig } from '#libs/dispatch';

/*
 * One decision pass over 10,000 alerts in 1,000 groups, all of them due: the target is 20 ms.
 * node --conditions=repo-source libs/dispatch/bench/decide.bench.ts
 */

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

function timed(name: string, body: () => void): void {
  const startMs = performance.now();
  body();
  console.log(`${name.padEnd(40)} ${(performance.now() - startMs).toFixed(1).padStart(8)} ms`);
}

for (let round = 0; round < Number(process.argv[2] ?? 3); round++) {
  const dispatcher = new Dispatcher(parseAlertmanagerConfig(CONFIG, 'bench.yml'));
  timed('accept 10,000 new alerts', () => dispatcher.accept(incoming, 1_000));
  let sent: readonly { readonly id: string }[] = [];
  timed('decide, every group announced', () => {
    sent = dispatcher.decide(60_000).notifications;
  });
  timed(`settle ${sent.length} messages`, () => {
    for (const { id } of sent) dispatcher.settle(id, 'delivered', 60_000);
  });
  timed('accept the same alerts again', () => dispatcher.accept(incoming, 120_000));
  timed('decide, every group due, nothing to say', () => {
    dispatcher.decide(400_000);
  });
  timed('decide, no group due', () => {
    dispatcher.decide(400_001);
  });
}
