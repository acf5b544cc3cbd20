import { Counter, Gauge, type Registry, Summary } from 'prom-client';
import type { RuleGroup, RuleManager } from '#libs/rules';

const GROUP = ['rule_group'] as const;

/** What rules cost and how they fare, under Prometheus's names. */
export class RuleMetrics {
  readonly #rejected: Counter;
  readonly #groupDuration: Summary;
  readonly #ruleDuration: Summary;
  readonly #queries: Counter;
  readonly #queryDuration: Summary;
  #manager: RuleManager | null = null;

  constructor(registry: Registry) {
    const registers = [registry];
    const groups = (): readonly RuleGroup[] => this.#manager?.groups ?? [];
    const perGroup = (
      type: 'counter' | 'gauge',
      name: string,
      help: string,
      valueOf: (group: RuleGroup) => number | null,
    ): void => {
      const labelNames = [...GROUP];
      // A counter whose value is kept elsewhere is set when it is asked for.
      const metric =
        type === 'counter'
          ? new Counter({ name, help, labelNames, registers, collect })
          : new Gauge({ name, help, labelNames, registers, collect });
      function collect(): void {
        metric.reset();
        for (const group of groups()) {
          const value = valueOf(group);
          if (value !== null) metric.inc({ rule_group: group.key }, value);
        }
      }
    };
    perGroup(
      'counter',
      'prometheus_rule_evaluations_total',
      'The total number of rule evaluations.',
      (group) => group.counters.evaluations,
    );
    perGroup(
      'counter',
      'prometheus_rule_evaluation_failures_total',
      'The total number of rule evaluation failures.',
      (group) => group.counters.failures,
    );
    perGroup(
      'counter',
      'binnacle_rule_reactive_evaluations_total',
      'Evaluations of rules outside their interval, because data changed or the time of an alert had come.',
      (group) => group.counters.reactions,
    );
    perGroup(
      'counter',
      'prometheus_rule_group_iterations_total',
      'The total number of scheduled rule group evaluations, whether executed or missed.',
      (group) => group.counters.iterations,
    );
    perGroup(
      'counter',
      'prometheus_rule_group_iterations_missed_total',
      'The total number of rule group evaluations missed due to slow rule group evaluation.',
      (group) => group.counters.missed,
    );
    perGroup(
      'gauge',
      'prometheus_rule_group_last_duration_seconds',
      'The duration of the last rule group evaluation.',
      (group) => group.lastDurationMs / 1_000,
    );
    perGroup(
      'gauge',
      'prometheus_rule_group_last_evaluation_timestamp_seconds',
      'The timestamp of the last rule group evaluation in seconds.',
      (group) => (group.lastEvaluationMs ?? 0) / 1_000,
    );
    perGroup(
      'gauge',
      'prometheus_rule_group_last_evaluation_samples',
      'The number of samples returned during the last rule group evaluation.',
      (group) => group.rules.reduce((sum, { health }) => sum + health.sampleCount, 0),
    );
    perGroup(
      'gauge',
      'prometheus_rule_group_rules',
      'The number of rules.',
      (group) => group.rules.length,
    );
    perGroup(
      'gauge',
      'prometheus_rule_group_interval_seconds',
      'The interval of a rule group.',
      (group) => group.intervalMs / 1_000,
    );
    this.#groupDuration = new Summary({
      name: 'prometheus_rule_group_duration_seconds',
      help: 'The duration of rule group evaluations.',
      percentiles: [0.01, 0.05, 0.5, 0.9, 0.99],
      maxAgeSeconds: 600,
      ageBuckets: 5,
      registers,
    });
    this.#ruleDuration = new Summary({
      name: 'prometheus_rule_evaluation_duration_seconds',
      help: 'The duration for a rule to execute.',
      percentiles: [0.5, 0.9, 0.99],
      maxAgeSeconds: 600,
      ageBuckets: 5,
      registers,
    });
    this.#queries = new Counter({
      name: 'binnacle_datasource_queries_total',
      help: 'Queries of rules to a datasource, by outcome: success or error.',
      labelNames: ['datasource', 'outcome'],
      registers,
    });
    this.#queryDuration = new Summary({
      name: 'binnacle_datasource_query_duration_seconds',
      help: 'The duration of queries of rules to a datasource.',
      labelNames: ['datasource'],
      percentiles: [0.5, 0.9, 0.99],
      maxAgeSeconds: 600,
      ageBuckets: 5,
      registers,
    });
    this.#rejected = new Counter({
      name: 'binnacle_rule_rejected_samples_total',
      help: 'Results of rules that the store did not take, by reason.',
      labelNames: ['reason'],
      registers,
    });
  }

  /** Says whose groups the metrics are about. */
  watch(manager: RuleManager): void {
    this.#manager = manager;
  }

  /** Counts samples of rules that were not stored. */
  rejected(reason: string, count: number): void {
    this.#rejected.inc({ reason }, count);
  }

  /** After a query to a datasource. */
  queried(datasource: string, outcome: 'success' | 'error', seconds: number): void {
    this.#queries.inc({ datasource, outcome });
    this.#queryDuration.observe({ datasource }, seconds);
  }

  /** After a round. */
  evaluated(group: RuleGroup): void {
    this.#groupDuration.observe(group.lastDurationMs / 1_000);
    for (const { health } of group.rules) this.#ruleDuration.observe(health.durationMs / 1_000);
  }
}
