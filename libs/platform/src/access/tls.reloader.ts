import { Server as TlsServer, type TLSSocket } from 'node:tls';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { Counter, Registry } from 'prom-client';
import { AppLogger } from '../app-logger.ts';
import { configFolder } from '../config-file.ts';
import { ReloadService } from '../reload-service.ts';
import { RUN_OPTIONS, type RunOptions } from '../run-options.ts';
import { ACCESS_OPTIONS, type AccessOptions } from './access.gate.ts';
import {
  asksForCert,
  readServerTls,
  refusesClient,
  type ServerTls,
  type ServerTlsConfig,
  tlsFiles,
} from './server-tls.ts';

/** Has the server show new certificates to those who connect after they have changed; connections stay. */
@Injectable()
export class TlsReloader implements OnModuleInit {
  readonly #server: unknown;
  readonly #folder: string;
  readonly #reloads: ReloadService<{ readonly tls?: ServerTlsConfig | undefined }>;
  readonly #logger: AppLogger;
  readonly #failures: Counter;
  #config: ServerTlsConfig | undefined;

  constructor(
    @Inject(ACCESS_OPTIONS) { tls }: AccessOptions,
    @Inject(RUN_OPTIONS) options: RunOptions,
    host: HttpAdapterHost,
    registry: Registry,
    reloads: ReloadService<{ readonly tls?: ServerTlsConfig | undefined }>,
    logger: AppLogger,
  ) {
    this.#config = tls;
    const fastify: FastifyInstance = host.httpAdapter.getInstance();
    this.#server = fastify.server;
    this.#folder = configFolder(options);
    this.#reloads = reloads;
    this.#logger = logger;
    this.#failures = new Counter({
      name: 'binnacle_http_tls_failures_total',
      help: 'Connections that ended in their TLS handshake, or for the certificate that the client showed.',
      registers: [registry],
    });
  }

  onModuleInit(): void {
    const server = this.#server;
    if (server instanceof TlsServer) {
      server.on('tlsClientError', () => this.#failures.inc());
      // First of all, so that nothing is read of what such a client sends.
      server.prependListener('secureConnection', (socket: TLSSocket) => {
        if (!refusesClient(this.#config?.client_auth_type, socket)) return;
        this.#failures.inc();
        socket.destroy();
      });
    }
    this.#reloads.register({
      name: 'tls',
      prepare: async ({ tls }) => {
        const read = tls === undefined ? null : await readServerTls(tls, this.#folder);
        return () => this.#take(tls, read);
      },
      watchedFiles: () => (this.#config === undefined ? [] : tlsFiles(this.#config, this.#folder)),
    });
  }

  #take(config: ServerTlsConfig | undefined, read: ServerTls | null): void {
    const server = this.#server;
    if (read === null || config === undefined || !(server instanceof TlsServer)) {
      if ((read !== null) !== server instanceof TlsServer) {
        this.#logger.warn('tls: whether the server speaks it changes at its next start');
      }
      return;
    }
    const type = this.#config?.client_auth_type;
    const staysSame = asksForCert(type) === asksForCert(config.client_auth_type);
    if (!staysSame) {
      this.#logger.warn(
        'tls: whether clients are asked for a certificate changes at the next start',
      );
    }
    this.#config = staysSame ? config : { ...config, client_auth_type: type };
    server.setSecureContext(read);
  }
}
