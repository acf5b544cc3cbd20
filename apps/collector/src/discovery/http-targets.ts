import {
  connectRefusal,
  type GuardSurroundings,
  type HttpDiscovery,
  parseTargetGroups,
  redirectRefusal,
  type TargetGroup,
  urlRefusal,
} from '#libs/discovery';
import { credentialHeaders, HttpGetter, tlsConnectionOptions } from '#libs/node-http';
import { type AppLogger, USER_AGENT } from '#libs/platform';
import type { DiscoveryMetrics } from './discovery-metrics.ts';
import type { TargetProvider } from './target-provider.ts';

const MAX_BODY_BYTES = 32 * 1024 * 1024;
const MAX_TIMEOUT_MS = 30_000;

/** Targets that an HTTP server names. While it does not answer, what it said last holds. */
export class HttpTargets implements TargetProvider {
  readonly #config: HttpDiscovery;
  readonly #baseDir: string;
  readonly #guard: GuardSurroundings | null;
  readonly #metrics: DiscoveryMetrics;
  readonly #logger: AppLogger;
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | null = null;
  #asking: Promise<void> | null = null;
  #last: string | null = null;
  #isFailing = false;

  constructor(options: {
    readonly config: HttpDiscovery;
    readonly baseDir: string;
    /** What the server may not be, where an object names it; null for one of the configuration. */
    readonly guard: GuardSurroundings | null;
    readonly metrics: DiscoveryMetrics;
    readonly logger: AppLogger;
  }) {
    this.#config = options.config;
    this.#baseDir = options.baseDir;
    this.#guard = options.guard;
    this.#metrics = options.metrics;
    this.#logger = options.logger;
  }

  start(tell: (groups: readonly TargetGroup[]) => void): void {
    const ask = (): void => {
      this.#asking ??= this.#ask(tell).finally(() => {
        this.#asking = null;
      });
    };
    this.#timer = setInterval(ask, this.#config.refreshMs);
    ask();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#asking;
  }

  async #ask(tell: (groups: readonly TargetGroup[]) => void): Promise<void> {
    const { url } = this.#config;
    try {
      const body = await this.#get();
      if (this.#isFailing) this.#logger.info('targets are answered again', { url });
      this.#isFailing = false;
      if (body === this.#last || this.#abort.signal.aborted) return;
      tell(parseTargetGroups(body, url, { __meta_url: url }));
      this.#last = body;
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#metrics.httpFailed();
      const message = error instanceof Error ? error.message : String(error);
      if (!this.#isFailing) this.#logger.warn('targets not answered', { url, error: message });
      this.#isFailing = true;
    }
  }

  async #get(): Promise<string> {
    const { url, http, refreshMs } = this.#config;
    const guard = this.#guard;
    const refusal = guard === null ? null : urlRefusal(new URL(url), guard);
    if (refusal !== null) throw new Error(refusal);
    // Once a minute at most: the files are read again, and no connection is worth keeping for so long.
    const getter = new HttpGetter({
      tls: await tlsConnectionOptions(http.tls, this.#baseDir),
      guard: guard === null ? null : (place) => connectRefusal(place, guard),
    });
    try {
      const { status, headers, body } = await getter.get({
        url,
        headers: [
          ['accept', 'application/json'],
          ['user-agent', USER_AGENT],
          ['x-prometheus-refresh-interval-seconds', String(refreshMs / 1_000)],
        ],
        credentials: await credentialHeaders(http, this.#baseDir),
        timeoutMs: Math.min(MAX_TIMEOUT_MS, refreshMs),
        maxBodyBytes: MAX_BODY_BYTES,
        followsRedirects: http.followsRedirects,
        ...(guard !== null && {
          redirectRefusal: (from: URL, to: URL) => redirectRefusal(from, to, guard),
        }),
        signal: this.#abort.signal,
      });
      if (status !== 200) throw new Error(`the server answered ${status}; expected 200`);
      const type = headers.get('content-type') ?? '';
      if (!/^application\/json\b/i.test(type)) {
        throw new Error(`the server answered ${JSON.stringify(type)}; expected application/json`);
      }
      return body.toString('utf8');
    } finally {
      await getter.close();
    }
  }
}
