import { CONTAINER_COUNTERS, CONTAINERS, NAMESPACES } from './workload.ts';

const GROUPS = 20;
const RULES_PER_GROUP = 25;

/**
 * 500 alerting rules over the containers' counters: 100 each of five kinds, which together read every series about 21
 * times a round. None ever fires, since what is measured is the looking.
 */
export function ruleFile(intervalSeconds: number): string {
  const groups = Array.from({ length: GROUPS }, (_, group) => ({
    name: `bench-${group}`,
    interval: `${intervalSeconds}s`,
    rules: Array.from({ length: RULES_PER_GROUP }, (_unused, rule) => ({
      alert: `Bench${group}x${rule}`,
      expr: expressionOf(group, rule),
      for: '1m',
    })),
  }));
  // JSON is YAML.
  return JSON.stringify({ groups });
}

function expressionOf(group: number, rule: number): string {
  const counter = CONTAINER_COUNTERS[(group + rule) % CONTAINER_COUNTERS.length]!;
  const container = CONTAINERS[Math.floor(rule / 5) % CONTAINERS.length]!;
  const namespace = `team-${(group * 3 + rule) % NAMESPACES}`;
  switch (rule % 5) {
    case 0:
      return `sum by (pod, namespace) (rate(${counter}[1m])) > 1e15`;
    case 1:
      return `sum by (namespace) (rate(${counter}{container="${container}"}[2m])) > 1e15`;
    case 2:
      return `${counter}{namespace="${namespace}"} > 1e15`;
    case 3:
      return `max by (node) (${counter}) - min by (node) (${counter}) > 1e15`;
    default:
      return `topk(5, increase(${counter}[1m])) > 1e15`;
  }
}

const TEAM_KINDS = [
  (counter: string, namespace: string) =>
    `sum by (pod) (rate(${counter}{namespace="${namespace}"}[2m])) > 1e15`,
  (counter: string, namespace: string) => `${counter}{namespace="${namespace}"} > 1e15`,
  (counter: string, namespace: string) =>
    `sum(rate(${counter}{namespace="${namespace}"}[2m])) / count(${counter}{namespace="${namespace}"}) > 1e15`,
  (counter: string, namespace: string) =>
    `max by (container) (increase(${counter}{namespace="${namespace}",container!="init"}[1m])) > 1e15`,
  (counter: string, namespace: string) =>
    `topk(3, sum by (pod) (${counter}{namespace="${namespace}"})) > 1e15`,
];

/** 2,000 rules as teams have them: 100 for each of 20 namespaces, five over each counter in it. None fires. */
export function teamRuleFile(intervalSeconds: number): string {
  const groups = Array.from({ length: NAMESPACES }, (_, team) => ({
    name: `team-${team}`,
    interval: `${intervalSeconds}s`,
    rules: CONTAINER_COUNTERS.flatMap((counter, i) =>
      TEAM_KINDS.map((kind, k) => ({
        alert: `Team${team}x${i}x${k}`,
        expr: kind(counter, `team-${team}`),
        for: '1m',
      })),
    ),
  }));
  return JSON.stringify({ groups });
}

/** Rules that fire for every container of the first `metrics` counters. */
export function everythingFiresFile(metrics: number): string {
  const rules = CONTAINER_COUNTERS.slice(0, metrics).map((counter, i) => ({
    alert: `Fires${i}`,
    expr: `${counter} >= 0`,
    labels: { severity: 'warning' },
    annotations: {
      summary:
        '{{ $labels.namespace }}/{{ $labels.pod }}: {{ $labels.container }} is at {{ $value }}',
    },
  }));
  return JSON.stringify({ groups: [{ name: 'fires', interval: '15s', rules }] });
}
