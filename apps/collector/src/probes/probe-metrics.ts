import type { ProbeVerdict } from '#libs/probes';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { ProbeJob } from './probe-job.ts';

/** What probing did; the probes' own results are series of their targets. */
export class ProbeMetrics {
  readonly #probes: Counter;
  readonly #targets: Gauge;

  constructor(registry: Registry) {
    this.#probes = new Counter({
      name: 'binnacle_collector_probes_total',
      help: 'Probes made, by name, module and result: success or the reason of failure.',
      labelNames: ['probe', 'module', 'result'],
      registers: [registry],
    });
    this.#targets = new Gauge({
      name: 'binnacle_collector_probe_targets',
      help: 'Targets that are probed.',
      registers: [registry],
    });
  }

  probed(
    { name, moduleName }: Pick<ProbeJob, 'name' | 'moduleName'>,
    { failure }: ProbeVerdict,
  ): void {
    this.#probes.inc({ probe: name, module: moduleName, result: failure?.code ?? 'success' });
  }

  targets(count: number): void {
    this.#targets.set(count);
  }
}
