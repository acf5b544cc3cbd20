import { HttpPoster } from '#libs/node-http';
import { USER_AGENT } from '#libs/platform';
import { ApiEvaluator, type Evaluator, type RuleSink, type RuleSource } from '#libs/rules';
import type { DatasourceConfig, DatasourceType } from './datasources-config.ts';
import { RemoteWriteSink } from './remote-write-sink.ts';

/** Largest answer of a datasource, uncompressed; about 200,000 series. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const CONNECTIONS = 8;

/** What a datasource works with. */
export interface DatasourceSurroundings {
  /** Takes results where the datasource has no `remote_write`. */
  readonly embedded: RuleSink;
  /** Evaluates LogQL over the engine's own lines. */
  readonly ownLogs: Evaluator;
  /** What relative paths of secret files are relative to. */
  readonly baseDir: string;
  /** A query was answered or not. */
  readonly onQuery: (outcome: 'success' | 'error', seconds: number) => void;
  /** Results that remote write did not take. */
  readonly onLost: (samples: number) => void;
}

/** One datasource: it stays the same through reloads, so that the groups over it go on, and changes what it does. */
export class Datasource implements RuleSource {
  /** It stays the same: rules over another one are other rules. */
  readonly type: DatasourceType;
  readonly evaluator: Evaluator;
  readonly sink: RuleSink;
  readonly isWatched = false;
  readonly #surroundings: DatasourceSurroundings;
  #config: DatasourceConfig;
  #queries: HttpPoster | null;
  #results: RemoteWriteSink | null;

  constructor(config: DatasourceConfig, surroundings: DatasourceSurroundings) {
    this.#surroundings = surroundings;
    this.#config = config;
    this.#queries = this.#createPoster();
    this.#results = this.#createSink();
    this.type = config.type;
    this.evaluator =
      config.type === 'own_logs'
        ? surroundings.ownLogs
        : new ApiEvaluator(
            { query: (parameters) => this.#query(parameters) },
            { asWritten: config.type === 'loki' },
          );
    this.sink = {
      append: (batch) => (this.#results ?? surroundings.embedded).append(batch),
    };
  }

  get defaultQueryOffsetMs(): number {
    return this.#config.queryOffsetMs;
  }

  /** Takes another configuration for the queries to come. */
  async update(config: DatasourceConfig): Promise<void> {
    const [queries, results] = [this.#queries, this.#results];
    this.#config = config;
    this.#queries = this.#createPoster();
    this.#results = this.#createSink();
    await queries?.close();
    await results?.close();
  }

  async close(): Promise<void> {
    await this.#queries?.close();
    await this.#results?.close();
  }

  #createPoster(): HttpPoster | null {
    const { url, http, type } = this.#config;
    if (type === 'own_logs') return null;
    const { baseDir } = this.#surroundings;
    return new HttpPoster({
      url: `${url.replace(/\/+$/, '')}${type === 'loki' ? '/loki' : ''}/api/v1/query`,
      http,
      baseDir,
      userAgent: USER_AGENT,
      connections: CONNECTIONS,
    });
  }

  #createSink(): RemoteWriteSink | null {
    const { results } = this.#config;
    const { baseDir, onLost } = this.#surroundings;
    return results === null ? null : new RemoteWriteSink(results, baseDir, onLost);
  }

  async #query(
    parameters: Readonly<Record<string, string>>,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const { timeoutMs, name } = this.#config;
    const startedMs = performance.now();
    let outcome: 'success' | 'error' = 'error';
    try {
      const form = { ...parameters, timeout: `${timeoutMs}ms` };
      const { status, body } = await this.#queries!.post({
        headers: [
          ['content-type', 'application/x-www-form-urlencoded'],
          ['accept', 'application/json'],
          ['accept-encoding', 'gzip'],
        ],
        body: new URLSearchParams(form).toString(),
        timeoutMs,
        maxAnswerBytes: MAX_ANSWER_BYTES,
        cutsAnswer: false,
      });
      if (status === 200) outcome = 'success';
      return { status, text: body.toString('utf8') };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`datasource ${JSON.stringify(name)}: ${reason}`, { cause: error });
    } finally {
      this.#surroundings.onQuery(outcome, (performance.now() - startedMs) / 1_000);
    }
  }
}
