import { MONITOR_KINDS } from '#libs/operator-objects';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { MonitorJobs } from './monitor-jobs.ts';

/** What became of monitor objects. */
export class MonitorsMetrics {
  readonly #objects: Gauge;
  readonly #jobs: Gauge;
  readonly #refused: Gauge;
  readonly #refusals: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    const labelNames = ['kind'];
    this.#objects = new Gauge({
      name: 'binnacle_monitor_objects',
      help: 'ServiceMonitor, PodMonitor, Probe and ScrapeConfig objects that are read.',
      labelNames,
      registers,
    });
    this.#jobs = new Gauge({
      name: 'binnacle_monitor_jobs',
      help: 'Scrape jobs that monitor objects come to.',
      labelNames,
      registers,
    });
    this.#refused = new Gauge({
      name: 'binnacle_monitor_refused_objects',
      help: 'Monitor objects of which a part at least is left out; /api/v1/monitors says why.',
      labelNames,
      registers,
    });
    this.#refusals = new Counter({
      name: 'binnacle_monitor_refusals_total',
      help: 'Parts of monitor objects that were left out, each time such an object came or changed.',
      labelNames,
      registers,
    });
  }

  refused({ kind, refusals }: MonitorJobs): void {
    this.#refusals.inc({ kind }, refusals.length);
  }

  inForce(all: readonly MonitorJobs[]): void {
    for (const kind of MONITOR_KINDS) {
      const own = all.filter((object) => object.kind === kind);
      this.#objects.set({ kind }, own.length);
      this.#jobs.set(
        { kind },
        own.reduce((sum, { jobs }) => sum + jobs.length, 0),
      );
      this.#refused.set({ kind }, own.filter(({ refusals }) => refusals.length > 0).length);
    }
  }
}
