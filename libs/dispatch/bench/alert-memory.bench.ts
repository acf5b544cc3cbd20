import { Labels } from '#libs/labels';
import { Dispatcher, parseAlertmanagerConfig } from '#libs/dispatch';

/*
 * What the dispatcher keeps of an alert, its labels aside: they are the objects that the rules hold anyway. 50,000 alerts in
 * 20 groups, announced and sent again.
 * node --expose-gc --conditions=repo-source libs/dispatch/bench/alert-memory.bench.ts
 */

const ALERTS = 50_000;
const CONFIG = `
route: {receiver: ops, group_by: [alertname, namespace], group_wait: 30s, group_interval: 5m, repeat_interval: 4h}
receivers:
- name: ops
  webhook_configs: [{url: 'http://127.0.0.1/'}]
`;

if (globalThis.gc === undefined) throw new Error('run with --expose-gc');
const incoming = Array.from({ length: ALERTS }, (_, i) => ({
  labels: Labels.fromRecord({
    alertname: `Alert${i % 10}`,
    namespace: `team-${i % 20}`,
    pod: `pod-${i}`,
    job: 'kube-state-metrics',
    severity: 'critical',
  }),
  annotations: Labels.fromRecord({ summary: `pod ${i} is not well` }),
  startsAtMs: 0,
  endsAtMs: 1e12,
  generatorUrl: '',
}));
const dispatcher = new Dispatcher(parseAlertmanagerConfig(CONFIG, 'bench.yml'));
const before = heapBytes();
dispatcher.accept(incoming, 1_000);
for (const { id } of dispatcher.decide(60_000).notifications) {
  dispatcher.settle(id, 'delivered', 60_000);
}
dispatcher.accept(incoming, 120_000);
dispatcher.decide(400_000);
const after = heapBytes();
console.log(`${((after - before) / incoming.length).toFixed(0)} bytes an alert`);

function heapBytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
