import type { RuleSink } from '#libs/rules';
import { Datasource } from './datasource.ts';
import type { DatasourceConfig } from './datasources-config.ts';
import type { RuleMetrics } from './rule-metrics.ts';

/** The stores, other than the embedded one, that rules are evaluated over. */
export class Datasources {
  readonly #embedded: RuleSink;
  readonly #baseDir: string;
  readonly #metrics: RuleMetrics;
  #sources: ReadonlyMap<string, Datasource> = new Map();
  readonly #gone: Datasource[] = [];

  /**
   * @param embedded takes results of datasources without a `remote_write`
   * @param baseDir what relative paths of secret files are relative to
   */
  constructor(embedded: RuleSink, baseDir: string, metrics: RuleMetrics) {
    this.#embedded = embedded;
    this.#baseDir = baseDir;
    this.#metrics = metrics;
  }

  /**
   * Takes the datasources of a configuration; one whose name stays is the same object as before. Those that are gone work
   * on until {@link closeGone}.
   */
  async use(configs: readonly DatasourceConfig[]): Promise<ReadonlyMap<string, Datasource>> {
    const before = this.#sources;
    const next = new Map<string, Datasource>();
    for (const config of configs) {
      const { name } = config;
      const known = before.get(name);
      await known?.update(config);
      next.set(name, known ?? this.#create(config));
    }
    this.#sources = next;
    for (const [name, source] of before) if (!next.has(name)) this.#gone.push(source);
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
      baseDir: this.#baseDir,
      onQuery: (outcome, seconds) => this.#metrics.queried(name, outcome, seconds),
      onLost: (samples) => this.#metrics.rejected('remote_write', samples),
    });
  }
}
