import {
  connectRefusal,
  type GuardSurroundings,
  isGuarded,
  redirectRefusal,
  type ScrapeConfig,
  type Target,
} from '#libs/discovery';
import {
  type ConnectGuard,
  credentialHeaders,
  HttpGetError,
  HttpGetter,
  SecretFileError,
  tlsConnectionOptions,
} from '#libs/node-http';
import { KubeObjectError } from '#libs/kube';
import { scrapeHeaders, type ScrapeOutcome } from '#libs/scrape';
import type { BodyTranslation } from './scrape-section.ts';
import type { TargetSource } from './target-loop.ts';

/** How long the files of a `tls_config` are trusted before they are looked at again. */
const TLS_REREAD_MS = 60_000;
const TEXT_FORMAT = 'text/plain; version=0.0.4';

export interface TargetFetcherOptions {
  readonly config: ScrapeConfig;
  /** What relative paths of secret files are relative to. */
  readonly baseDir: string;
  readonly translate?: BodyTranslation | null;
  /** What targets may not lead to, where Kubernetes names them. */
  readonly guard: GuardSurroundings;
  /** Names that may lead anywhere. Default: none. */
  readonly trusted?: () => ReadonlySet<string>;
  readonly userAgent: string;
  readonly nowMs: () => number;
}

/** Requests the targets of one job, with its credentials, limits and connections. */
export class TargetFetcher implements TargetSource {
  readonly #options: TargetFetcherOptions;
  #getter: { readonly http: HttpGetter; readonly tls: string; readonly readAtMs: number } | null =
    null;

  constructor(options: TargetFetcherOptions) {
    this.#options = options;
  }

  /** Never fails: what goes wrong is an outcome. */
  async fetch(
    target: Pick<Target, 'url' | 'timeoutMs'>,
    signal: AbortSignal,
  ): Promise<ScrapeOutcome> {
    const { config, guard, userAgent, nowMs, translate = null } = this.#options;
    const startedMs = performance.now();
    const durationSeconds = () => (performance.now() - startedMs) / 1_000;
    try {
      const http = await this.#client(nowMs());
      const credentials = await credentialHeaders(config.http, this.#options.baseDir);
      const { status, statusText, headers, body } = await http.get({
        url: target.url,
        headers: scrapeHeaders(config, { timeoutMs: target.timeoutMs, userAgent }),
        credentials,
        timeoutMs: target.timeoutMs,
        maxBodyBytes: config.limits.bodyBytes,
        maxLines: mostLines(config),
        followsRedirects: config.http.followsRedirects,
        ...(isGuarded(config, guard) && {
          redirectRefusal: (from: URL, to: URL) => redirectRefusal(from, to, guard),
        }),
        signal,
      });
      const isTranslated = translate !== null && status === 200;
      return {
        kind: 'response',
        status,
        statusText,
        contentType: isTranslated ? TEXT_FORMAT : (headers.get('content-type') ?? ''),
        body: isTranslated ? translate(body) : body,
        durationSeconds: durationSeconds(),
      };
    } catch (error) {
      const isExpected =
        error instanceof HttpGetError ||
        error instanceof SecretFileError ||
        error instanceof KubeObjectError;
      if (!isExpected) throw error;
      const code = error instanceof HttpGetError ? error.code : '';
      const isFlood = code === 'too-many-lines';
      return {
        kind: 'failure',
        reason: isFlood ? 'sample limit exceeded' : error.message,
        ...(code === 'body-too-large' && { exceeded: 'body' }),
        ...(isFlood && { exceeded: 'samples' }),
        durationSeconds: durationSeconds(),
      };
    }
  }

  async close(): Promise<void> {
    await this.#getter?.http.close();
    this.#getter = null;
  }

  #connectGuard(): ConnectGuard | null {
    const { config, guard, trusted } = this.#options;
    if (!isGuarded(config, guard)) return null;
    return (place) =>
      trusted?.().has(place.hostname) === true ? null : connectRefusal(place, guard);
  }

  /** The client, built anew when the certificates have changed. */
  async #client(nowMs: number): Promise<HttpGetter> {
    const known = this.#getter;
    if (known !== null && nowMs - known.readAtMs < TLS_REREAD_MS) return known.http;
    const options = await tlsConnectionOptions(
      this.#options.config.http.tls,
      this.#options.baseDir,
    );
    const tls = JSON.stringify(options);
    // Another scrape may have been here while the files were read.
    const current = this.#getter;
    if (current !== null && current.tls === tls) {
      this.#getter = { ...current, readAtMs: nowMs };
      return current.http;
    }
    const http = new HttpGetter({ tls: options, guard: this.#connectGuard() });
    this.#getter = { http, tls, readAtMs: nowMs };
    // Scrapes under way finish on their old connections; each has a deadline of its own.
    void current?.http.retire();
    return http;
  }
}

/** So many times the samples that are allowed are refused while they are read; less may be repetitions, and is counted. */
const FLOOD_FACTOR = 2;

function mostLines({ limits, metricRelabelRules }: ScrapeConfig): number {
  // Rules may drop any number of them.
  return metricRelabelRules.length > 0 ? Number.POSITIVE_INFINITY : limits.samples * FLOOD_FACTOR;
}
