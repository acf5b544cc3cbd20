/*
 * 50,000 alerts of one rule that fire at once: memory for each, the time of rounds, and the longest stretch without a turn of
 * the event loop. Run with --expose-gc --conditions=repo-source.
 */
import { Labels } from '#libs/labels';
import { MemorySeriesSource, QueryEngine } from '#libs/promql';
import { DEFAULT_RULE_TIMING, parseRuleFile, QueryEngineEvaluator, RuleManager } from '#libs/rules';

const ALERTS = 50_000;
const RULES = `
groups:
- name: bench
  rules:
  - alert: PodNotReady
    expr: kube_pod_status_ready{condition="true"} == 0
    labels: {severity: warning}
    annotations:
      summary: 'Pod {{ $labels.namespace }}/{{ $labels.pod }} is not ready'
      description: 'Pod {{ $labels.namespace }}/{{ $labels.pod }} has not been ready for a while; its value is {{ $value }}'
`;

function heapBytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
}

const source = new MemorySeriesSource();
for (let i = 0; i < ALERTS; i++) {
  const labels = Labels.fromRecord({
    __name__: 'kube_pod_status_ready',
    condition: 'true',
    instance: '10.1.2.3:9371',
    job: 'kube-state-metrics',
    namespace: `team-${i % 50}`,
    pod: `web-${(i * 7919).toString(36)}-${i}`,
  });
  source.add(labels, 0, { kind: 'float', value: 0 });
}
const engine = new QueryEngine({
  nowMs: () => performance.now(),
  yieldToLoop: () => new Promise((resolve) => void setImmediate(resolve)),
  source,
});
let sent = 0;
const manager = new RuleManager({
  evaluator: new QueryEngineEvaluator(engine),
  sink: { append: () => Promise.resolve() },
  alertSink: { accept: (alerts) => void (sent += alerts.length) },
  // The engine keeps states on disk.
  stateStore: {
    load: () => Promise.resolve({ alerts: new Map(), evaluatedAtMs: new Map() }),
    save: () => Promise.resolve(),
  },
  externalLabels: Labels.EMPTY,
  externalUrl: 'http://localhost',
  clockMs: () => performance.now(),
  yieldToLoop: () => new Promise((resolve) => void setImmediate(resolve)),
  timing: { ...DEFAULT_RULE_TIMING, resendDelayMs: 60_000 },
});
await manager.load([parseRuleFile(RULES, { file: 'bench.yml' })], 0);
const group = manager.groups[0]!;

let longestMs = 0;
let lastTurnMs = performance.now();
const watch = setInterval(() => undefined, 1);
function turn(): void {
  const nowMs = performance.now();
  longestMs = Math.max(longestMs, nowMs - lastTurnMs);
  lastTurnMs = nowMs;
  if (watching) setImmediate(turn);
}
let watching = true;
setImmediate(turn);

const before = heapBytes();
for (let round = 0; round < 5; round++) {
  lastTurnMs = performance.now();
  longestMs = 0;
  const startedMs = performance.now();
  await group.evaluate(round * 60_000 + 1, round * 60_000 + 1);
  const tookMs = performance.now() - startedMs;
  console.log(
    `round ${round}: ${tookMs.toFixed(0)} ms, longest stretch ${longestMs.toFixed(0)} ms, ${sent} sent`,
  );
}
watching = false;
clearInterval(watch);
const after = heapBytes();
console.log(`${((after - before) / ALERTS).toFixed(0)} bytes an alert`);
