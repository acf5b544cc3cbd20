import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { PasswordChecker, TooManyChecksError } from '#libs/node-passwords';
import { Counter, Registry } from 'prom-client';
import { AppLogger } from '../app-logger.ts';
import { configFolder } from '../config-file.ts';
import { ReloadService } from '../reload-service.ts';
import { RUN_OPTIONS, type RunOptions } from '../run-options.ts';
import { type AccessConfig, credentialFiles, readCredentials } from './access-config.ts';
import { type AccessRight, neededRight, type RightOfPost } from './access-rights.ts';
import { Credentials, type Verdict } from './credentials.ts';
import type { ServerTlsConfig } from './server-tls.ts';

export const ACCESS_OPTIONS = Symbol('AccessOptions');

export interface AccessOptions {
  /** Who may do what at the start. */
  readonly access: AccessConfig;
  readonly rightOfPost: RightOfPost;
  /** The certificates at the start; undefined for plain HTTP. */
  readonly tls: ServerTlsConfig | undefined;
}

/** Asks every request who it is, before its body is read. */
@Injectable()
export class AccessGate implements OnModuleInit, OnApplicationShutdown {
  readonly #reloads: ReloadService<{ readonly auth: AccessConfig }>;
  readonly #logger: AppLogger;
  readonly #refused: Counter;
  readonly #folder: string;
  readonly #rightOfPost: RightOfPost;
  readonly #passwords = new PasswordChecker();
  #access: AccessConfig;
  /** Null until the files have been read: nobody is let in before. */
  #credentials: Credentials | null = null;

  constructor(
    @Inject(ACCESS_OPTIONS) { access, rightOfPost }: AccessOptions,
    @Inject(RUN_OPTIONS) options: RunOptions,
    host: HttpAdapterHost,
    registry: Registry,
    reloads: ReloadService<{ readonly auth: AccessConfig }>,
    logger: AppLogger,
  ) {
    this.#access = access;
    this.#rightOfPost = rightOfPost;
    this.#folder = configFolder(options);
    this.#reloads = reloads;
    this.#logger = logger;
    this.#refused = new Counter({
      name: 'binnacle_http_refused_requests_total',
      help: 'Requests that were refused because nobody knows who sent them, because they may not, or because too many passwords were being checked.',
      labelNames: ['reason'],
      registers: [registry],
    });
    // Here and not later: Fastify asks a hook about the routes that come after it.
    const fastify: FastifyInstance = host.httpAdapter.getInstance();
    fastify.addHook('onRequest', (request, reply, done) => this.#ask(request, reply, done));
  }

  /** Whether everybody may do everything, as nobody is known. */
  get isOpen(): boolean {
    return this.#credentials?.isOpen === true;
  }

  async onModuleInit(): Promise<void> {
    this.#credentials = await this.#read(this.#access);
    if (!this.#credentials.isOpen) this.#logger.info('requests need credentials');
    this.#reloads.register({
      name: 'auth',
      prepare: async ({ auth }) => {
        const credentials = await this.#read(auth);
        return () => {
          this.#access = auth;
          this.#credentials = credentials;
        };
      },
      watchedFiles: () => credentialFiles(this.#access, this.#folder),
    });
  }

  onApplicationShutdown(): Promise<void> {
    return this.#passwords.close();
  }

  async #read(access: AccessConfig): Promise<Credentials> {
    return new Credentials(await readCredentials(access, this.#folder), this.#passwords);
  }

  /** @param done called where the request goes on; else it has been answered */
  #ask(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
    const { method, url, headers } = request;
    const right = neededRight(method, url.split('?', 1)[0]!, this.#rightOfPost);
    const credentials = this.#credentials;
    if (right === null || credentials?.isOpen === true) {
      done();
      return;
    }
    const settle = (verdict: Verdict): void => {
      if (verdict === 'allowed') done();
      else this.#refuse(reply, verdict, right);
    };
    const verdict = credentials?.judge(headers.authorization, right) ?? 'unknown';
    if (typeof verdict === 'string') {
      settle(verdict);
      return;
    }
    verdict.then(settle, (error: unknown) => {
      if (!(error instanceof TooManyChecksError)) this.#logger.error('no password checked', error);
      this.#refused.inc({ reason: 'busy' });
      void reply
        .status(503)
        .header('connection', 'close')
        .header('retry-after', '1')
        .send(errorBody('unavailable', 'too many passwords are being checked; try again'));
    });
  }

  #refuse(reply: FastifyReply, reason: 'unknown' | 'forbidden', right: AccessRight): void {
    this.#refused.inc({ reason });
    // The body, however large, is not waited for.
    void reply.header('connection', 'close');
    if (reason === 'unknown') {
      void reply
        .status(401)
        .header('www-authenticate', 'Bearer, Basic realm="Binnacle"')
        .send(errorBody('unauthorized', 'credentials are missing or wrong'));
    } else {
      void reply.status(403).send(errorBody('forbidden', `these credentials are not for ${right}`));
    }
  }
}

function errorBody(errorType: string, error: string): object {
  return { status: 'error', errorType, error };
}
