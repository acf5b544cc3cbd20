import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppLogger, ReloadService, RUN_OPTIONS, type RunOptions } from '#libs/platform';
import { Counter, Registry } from 'prom-client';
import { ENGINE_CONFIG, type EngineConfig } from '../config/engine-config.ts';
import { configFolder } from '../rules/read-rule-files.ts';
import { neededRight } from './access-rights.ts';
import { credentialFiles, readCredentials } from './auth-config.ts';
import { Credentials } from './credentials.ts';

/** Asks every request who it is, before its body is read. */
@Injectable()
export class AuthGate implements OnModuleInit {
  readonly #reloads: ReloadService<EngineConfig>;
  readonly #logger: AppLogger;
  readonly #refused: Counter;
  readonly #folder: string;
  #config: EngineConfig;
  /** Null until the files have been read: nobody is let in before. */
  #credentials: Credentials | null = null;

  constructor(
    @Inject(ENGINE_CONFIG) config: EngineConfig,
    @Inject(RUN_OPTIONS) options: RunOptions,
    host: HttpAdapterHost,
    registry: Registry,
    reloads: ReloadService<EngineConfig>,
    logger: AppLogger,
  ) {
    this.#config = config;
    this.#folder = configFolder(options);
    this.#reloads = reloads;
    this.#logger = logger;
    this.#refused = new Counter({
      name: 'binnacle_http_refused_requests_total',
      help: 'Requests that were refused because nobody knows who sent them, or because they may not.',
      labelNames: ['reason'],
      registers: [registry],
    });
    // Here and not later: Fastify asks a hook about the routes that come after it.
    const fastify: FastifyInstance = host.httpAdapter.getInstance();
    fastify.addHook('onRequest', (request, reply, done) => {
      if (this.#isAllowed(request, reply)) done();
    });
  }

  async onModuleInit(): Promise<void> {
    this.#credentials = new Credentials(await readCredentials(this.#config.auth, this.#folder));
    if (!this.#credentials.isOpen) this.#logger.info('requests need credentials');
    this.#reloads.register({
      name: 'auth',
      prepare: async (config) => {
        const credentials = new Credentials(await readCredentials(config.auth, this.#folder));
        return () => {
          this.#config = config;
          this.#credentials = credentials;
        };
      },
      watchedFiles: () => credentialFiles(this.#config.auth, this.#folder),
    });
  }

  /** @returns whether the request goes on; else it has been answered */
  #isAllowed({ method, url, headers }: FastifyRequest, reply: FastifyReply): boolean {
    const right = neededRight(method, url.split('?', 1)[0]!);
    const credentials = this.#credentials;
    if (right === null || credentials?.isOpen === true) return true;
    const verdict = credentials?.judge(headers.authorization, right) ?? 'unknown';
    if (verdict === 'allowed') return true;
    this.#refused.inc({ reason: verdict });
    const isUnknown = verdict === 'unknown';
    const error = isUnknown
      ? 'credentials are missing or wrong'
      : `these credentials are not for ${right}`;
    // The body, however large, is not waited for.
    void reply.header('connection', 'close');
    if (isUnknown) void reply.header('www-authenticate', 'Bearer, Basic realm="Binnacle"');
    void reply
      .status(isUnknown ? 401 : 403)
      .send({ status: 'error', errorType: isUnknown ? 'unauthorized' : 'forbidden', error });
    return false;
  }
}
