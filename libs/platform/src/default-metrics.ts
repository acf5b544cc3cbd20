import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';

/** Gauges whose names end like a counter's, which linters of metrics object to; their labelled twins stay. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];
/** How long it took from one look at the event loop to the next, the period itself included. */
const LOOKS = ['min', 'max', 'mean', 'p50', 'p90', 'p99'].map(
  (what) => `nodejs_eventloop_lag_${what}_seconds`,
);

/**
 * A registry with the metrics of the process and its runtime.
 * @param lagPeriodMs between two looks at the event loop; what is told is how late they were, whatever the period
 */
export function createRegistry(lagPeriodMs: number): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: lagPeriodMs });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  for (const name of LOOKS) {
    const gauge = registry.getSingleMetric(name);
    if (gauge instanceof Gauge) tellLate(gauge, lagPeriodMs / 1_000);
  }
  return registry;
}

/** Whoever sets the gauge says how long a look took to come. */
function tellLate(gauge: Gauge, periodSeconds: number): void {
  const set: (this: Gauge, labels: object, value: number) => void = Reflect.get(gauge, 'set');
  Reflect.set(gauge, 'set', (labels: object, value: number) => {
    set.call(gauge, labels, Math.max(0, value - periodSeconds));
  });
}
