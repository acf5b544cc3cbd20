import type { Watchability } from '#libs/node-kube';
import type { RuleObjectOutcome } from '#libs/rules';
import { Counter, Gauge, type Registry } from 'prom-client';

const KINDS = ['ConfigMap', 'PrometheusRule'] as const;

/** What became of objects with rules. */
export class RuleObjectsMetrics {
  readonly #objects: Gauge;
  readonly #refused: Gauge;
  readonly #refusals: Counter;

  /** @param places where objects are looked for now */
  constructor(
    registry: Registry,
    places: () => readonly { readonly resource: string; readonly state: Watchability }[],
  ) {
    const registers = [registry];
    const labelNames = ['kind'];
    this.#objects = new Gauge({
      name: 'binnacle_rule_objects',
      help: 'Objects of Kubernetes whose rules are evaluated.',
      labelNames,
      registers,
    });
    this.#refused = new Gauge({
      name: 'binnacle_rule_refused_objects',
      help: 'Objects whose rules are not taken as they are; /api/v1/rule-objects says why.',
      labelNames,
      registers,
    });
    registry.registerMetric(
      new Gauge({
        name: 'binnacle_rule_object_places',
        help: 'Namespaces, or all as one, in which objects with rules are looked for, by whether they can be watched.',
        labelNames: ['resource', 'state'],
        registers: [],
        collect(): void {
          this.reset();
          for (const { resource, state } of places()) this.inc({ resource, state });
        },
      }),
    );
    this.#refusals = new Counter({
      name: 'binnacle_rule_object_refusals_total',
      help: 'Times that an object was refused when it came or changed.',
      labelNames,
      registers,
    });
  }

  refused({ object }: RuleObjectOutcome): void {
    this.#refusals.inc({ kind: object.kind });
  }

  inForce(outcomes: readonly RuleObjectOutcome[]): void {
    for (const kind of KINDS) {
      const own = outcomes.filter(({ object }) => object.kind === kind);
      this.#objects.set({ kind }, own.filter(({ files }) => files.length > 0).length);
      this.#refused.set({ kind }, own.filter(({ refusal }) => refusal !== null).length);
    }
  }
}
