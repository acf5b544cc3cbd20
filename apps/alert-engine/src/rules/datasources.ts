import type { Evaluator, RuleSink } from '#libs/rules';
import { Datasource } from './datasource.ts';
import type { DatasourceConfig } from './datasources-config.ts';
import type { RuleMetrics } from './rule-metrics.ts';

/** The stores, other than the embedded one, that rules are evaluated over. */
export class Datasources {
  readonly #embedded: RuleSink;
  readonly #ownLogs: Evaluator;
  readonly #baseDir: string;
  readonly #metrics: RuleMetrics;
  #sources: ReadonlyMap<string, Datasource> = new Map();
  readonly #gone: Datasource[] = [];

  /**
   * @param embedded takes results of datasources without a `remote_write`
   * @param ownLogs evaluates LogQL over the engine's own lines
   * @param baseDir what relative paths of secret files are relative to
   */
  constructor(embedded: RuleSink, ownLogs: Evaluator, baseDir: string, metrics: RuleMetrics) {
    this.#embedded = embedded;
    this.#ownLogs = ownLogs;
    this.#baseDir = baseDir;
    this.#metrics = metrics;
  }

  /**
   * Takes the datasources of a configuration; one whose name and type stay is the same object as before. Those that are gone work
   * on until {@link closeGone}.
   */
  async use(configs: readonly DatasourceConfig[]): Promise<ReadonlyMap<string, Datasource>> {
    const before = this.#sources;
    const next = new Map<string, Datasource>();
    for (const config of configs) {
      const { name } = config;
      const same = before.get(name);
      const known = same?.type === config.type ? same : undefined;
      await known?.update(config);
      next.set(name, known ?? this.#create(config));
    }
    this.#sources = next;
    for (const [name, source] of before) if (next.get(name) !== source) this.#gone.push(source);
    return next;
  }

  /** Nothing is evaluated any more over the datasources that are gone. */
  async closeGone(): Promise<void> {
    for (const source of this.#gone.splice(0)) await source.close();
  }

  async close(): Promise<void> {
    await this.closeGone();
    for (const source of this.#sources.values()) await source.close();
  }

  #create(config: DatasourceConfig): Datasource {
    const { name } = config;
    return new Datasource(config, {
      embedded: this.#embedded,
      ownLogs: this.#ownLogs,
      baseDir: this.#baseDir,
      onQuery: (outcome, seconds) => this.#metrics.queried(name, outcome, seconds),
      onLost: (samples) => this.#metrics.rejected('remote_write', samples),
    });
  }
}
