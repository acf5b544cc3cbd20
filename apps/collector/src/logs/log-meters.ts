import { type LogSource, labelName, type RecordBatch, RecordMeter } from '#libs/log-pipeline';
import { Counter, Histogram, type Registry } from 'prom-client';
import type { MeterConfig } from './meter-config.ts';

interface Meter {
  readonly config: MeterConfig;
  readonly meter: RecordMeter;
  readonly metric: Counter | Histogram;
  readonly series: Set<string>;
}

/** Metrics that users make of log messages, on the collector's own `/metrics`. Each has a bounded number of series. */
export class LogMeters {
  readonly #registry: Registry;
  readonly #left: Counter;
  #meters: readonly Meter[] = [];

  constructor(registry: Registry) {
    this.#registry = registry;
    this.#left = new Counter({
      name: 'binnacle_log_metric_dropped_total',
      help: 'Log messages that are not in a metric made of them because it has too many series.',
      labelNames: ['metric'],
      registers: [registry],
    });
  }

  /**
   * From here on these are made; one that stays as it is goes on.
   * @returns names that are not made, since another metric of the collector has them
   */
  set(configs: readonly MeterConfig[]): readonly string[] {
    const wanted = new Map(configs.map((config) => [JSON.stringify(config), config]));
    const kept = this.#meters.filter(({ config }) => wanted.has(JSON.stringify(config)));
    for (const meter of this.#meters) {
      if (!kept.includes(meter)) this.#registry.removeSingleMetric(meter.config.name);
    }
    const refused: string[] = [];
    const meters: Meter[] = [];
    for (const [key, config] of wanted) {
      const known = kept.find((meter) => JSON.stringify(meter.config) === key);
      if (known !== undefined) meters.push(known);
      else if (this.#registry.getSingleMetric(config.name) === undefined) {
        meters.push(this.#create(config));
      } else refused.push(config.name);
    }
    this.#meters = meters;
    return refused;
  }

  /** Measures the records of a source. */
  add(group: string, source: LogSource, records: RecordBatch): void {
    for (const meter of this.#meters) {
      const { groups } = meter.config;
      if (groups !== null && !groups.includes(group)) continue;
      for (let row = 0; row < records.count; row++) this.#measure(meter, source, records, row);
    }
  }

  #measure(
    { config, meter, metric, series }: Meter,
    source: LogSource,
    records: RecordBatch,
    row: number,
  ): void {
    const measured = meter.measure(source, records, row);
    if (measured === null) return;
    const value = measured.value * config.scale;
    // A counter cannot go down.
    if (metric instanceof Counter && value < 0) return;
    const key = Object.values(measured.labels).join('\0');
    if (!series.has(key)) {
      if (series.size >= config.maxSeries) {
        this.#left.inc({ metric: config.name });
        return;
      }
      series.add(key);
    }
    if (metric instanceof Counter) metric.inc(measured.labels, value);
    else metric.observe(measured.labels, value);
  }

  #create(config: MeterConfig): Meter {
    const { name, help, buckets } = config;
    const labelNames = config.labels.map(labelName);
    const options = { name, help, labelNames, registers: [this.#registry] };
    const metric =
      config.type === 'counter'
        ? new Counter(options)
        : new Histogram({ ...options, buckets: [...buckets] });
    return { config, meter: new RecordMeter(config), metric, series: new Set() };
  }
}
