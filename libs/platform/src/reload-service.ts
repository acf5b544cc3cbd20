import { readFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import type { Registry } from 'prom-client';
import { Gauge } from 'prom-client';
import { type AppLogger, describeError } from './app-logger.ts';

/** A part of an app that can take a new configuration while it runs. */
export interface Reloadable<Config> {
  readonly name: string;
  /**
   * Reads and checks everything the new configuration asks for (files included) and changes nothing.
   * @returns what puts it into force; it must not fail
   * @throws when the new configuration is bad: then no part takes it
   */
  prepare(config: Config): Promise<() => Promise<void> | void>;
  /** Files beside the main ones whose change asks for a reload. Globs are resolved by the part. */
  watchedFiles?(): readonly string[] | Promise<readonly string[]>;
}

export interface ReloadServiceOptions<Config> {
  /** Reads and checks the main files. @throws when it is bad */
  readonly readConfig: () => Promise<Config>;
  /** The main files that there are at present; none when the app runs on defaults. */
  readonly findConfigFiles: () => Promise<readonly string[]>;
  readonly registry: Registry;
  readonly logger: AppLogger;
  readonly nowMs: () => number;
  /** Names of the two gauges, as users of Prometheus know them, such as `prometheus_config_last_reload_successful`. */
  readonly metricPrefix: string;
}

/**
 * Reloading in two steps, so that a bad file never replaces a good one: every part prepares, and only when all could, all
 * commit. Reloads never overlap.
 */
export class ReloadService<Config> {
  readonly #options: ReloadServiceOptions<Config>;
  readonly #parts: Reloadable<Config>[] = [];
  readonly #succeeded: Gauge;
  readonly #succeededAt: Gauge;
  #running: Promise<void> = Promise.resolve();
  #seen: string | null = null;

  constructor(options: ReloadServiceOptions<Config>) {
    this.#options = options;
    const { metricPrefix, registry, nowMs } = options;
    this.#succeeded = new Gauge({
      name: `${metricPrefix}_config_last_reload_successful`,
      help: 'Whether the last configuration reload attempt was successful.',
      registers: [registry],
    });
    this.#succeededAt = new Gauge({
      name: `${metricPrefix}_config_last_reload_success_timestamp_seconds`,
      help: 'Timestamp of the last successful configuration reload.',
      registers: [registry],
    });
    this.#succeeded.set(1);
    this.#succeededAt.set(nowMs() / 1000);
  }

  register(part: Reloadable<Config>): void {
    this.#parts.push(part);
  }

  /** Reads all configuration again. @throws what was wrong with it, and then nothing has changed */
  reload(): Promise<void> {
    const next = this.#running.catch(() => null).then(() => this.#reload());
    this.#running = next;
    return next;
  }

  /** Reloads when the content of a watched file has changed since the last look; logs instead of throwing. */
  async reloadIfChanged(): Promise<void> {
    const fingerprint = await this.#fingerprint();
    if (this.#seen === null || fingerprint === this.#seen) {
      this.#seen = fingerprint;
      return;
    }
    this.#seen = fingerprint;
    await this.reload().catch(() => null); // already logged and counted
  }

  async #reload(): Promise<void> {
    const { readConfig, logger, nowMs } = this.#options;
    try {
      const config = await readConfig();
      const commits: (() => Promise<void> | void)[] = [];
      for (const part of this.#parts) commits.push(await part.prepare(config));
      for (const commit of commits) await commit();
    } catch (error) {
      this.#succeeded.set(0);
      logger.error('configuration not reloaded; the previous one stays in force', {
        error: describeError(error),
      });
      throw error;
    }
    this.#succeeded.set(1);
    this.#succeededAt.set(nowMs() / 1000);
    logger.info('configuration reloaded');
  }

  async #fingerprint(): Promise<string> {
    const files = new Set(await this.#options.findConfigFiles());
    for (const part of this.#parts) {
      for (const file of (await part.watchedFiles?.()) ?? []) files.add(file);
    }
    const hash = createHash('sha256');
    for (const file of [...files].toSorted()) {
      const content = await readFile(file).catch(() => null);
      hash.update(`${file}\0${content === null ? 'absent' : content.length}\0`);
      if (content !== null) hash.update(content);
    }
    return hash.digest('hex');
  }
}
