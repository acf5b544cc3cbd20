import type { Server } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { DynamicModule, Type } from '@nestjs/common';
import { StandardSchemaValidationPipe } from '@nestjs/common';
import { errorCode } from '#libs/node-files';
import type { ServerTls } from './access/server-tls.ts';
import type { AppLogger } from './app-logger.ts';
import { HealthState } from './health-state.ts';
import { PlainError } from './plain-error.ts';
import type { ListenAddress } from './run-options.ts';
import { StopRequests } from './stop-requests.ts';
import { traceRequests } from './tracing.ts';

const MIB = 1024 * 1024;

/** Limits on what a client may send, before anything looks at it. */
export interface HttpLimits {
  /** Largest protobuf body as it comes over the wire, in bytes. */
  readonly maxBinaryBodyBytes: number;
  /** Largest JSON, form or text body, in bytes. */
  readonly maxTextBodyBytes: number;
  /** How long requests under way may take once the app closes; then their connections are cut. */
  readonly drainMs: number;
}

const DEFAULT_LIMITS: HttpLimits = {
  maxBinaryBodyBytes: 32 * MIB,
  maxTextBodyBytes: 4 * MIB,
  drainMs: 3_000,
};

/**
 * A Nest application on Fastify with the body parsers and limits that both apps share; not listening. Protobuf and octet
 * streams arrive as Buffers, forms as URLSearchParams.
 * @param tls null for plain HTTP
 */
export async function createHttpApp(
  rootModule: Type | DynamicModule,
  logger: AppLogger,
  limits: Partial<HttpLimits> = {},
  tls: ServerTls | null = null,
): Promise<NestFastifyApplication> {
  const { maxBinaryBodyBytes, maxTextBodyBytes, drainMs } = { ...DEFAULT_LIMITS, ...limits };
  const adapter = new FastifyAdapter({
    bodyLimit: maxTextBodyBytes,
    requestTimeout: 60_000,
    keepAliveTimeout: 75_000,
    forceCloseConnections: 'idle',
    ...(tls !== null && { https: tls }),
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 2_048 },
  });
  const fastify = adapter.getInstance();
  fastify.addContentTypeParser(
    ['application/x-protobuf', 'application/octet-stream'],
    { parseAs: 'buffer', bodyLimit: maxBinaryBodyBytes },
    (_request, body, done) => done(null, body),
  );
  fastify.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => done(null, new URLSearchParams(String(body))),
  );
  // One half-open request would hold the server open for as long as its client likes.
  fastify.addHook('preClose', (done) => {
    setTimeout(() => fastify.server.closeAllConnections(), drainMs).unref();
    done();
  });
  traceRequests(fastify);
  const app = await NestFactory.create<NestFastifyApplication>(rootModule, adapter, {
    logger,
    bodyParser: false,
    abortOnError: false,
  });
  app.useGlobalPipes(new StandardSchemaValidationPipe());
  return app;
}

/**
 * Starts listening.
 * @returns the address in use, with the port the system chose where 0 was asked for
 * @throws PlainError when the address cannot be had
 */
export async function listen(
  app: NestFastifyApplication,
  address: ListenAddress,
): Promise<ListenAddress> {
  const place = `${address.host}:${address.port}`;
  try {
    // Not through Nest's own listen, which logs the failure that is told below.
    await app.init();
    await app.getHttpAdapter().getInstance().listen({ port: address.port, host: address.host });
  } catch (error) {
    const reason = LISTEN_FAILURES[errorCode(error)];
    if (reason === undefined) throw error;
    throw new PlainError(`cannot listen on ${place}: ${reason}; choose another with --listen.`, {
      cause: error,
    });
  }
  const server: Server = app.getHttpServer();
  const bound = server.address();
  const port = bound !== null && typeof bound === 'object' ? bound.port : address.port;
  return { host: address.host, port };
}

const LISTEN_FAILURES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use by another program',
  EACCES: 'this user may not use the port',
  EADDRNOTAVAIL: 'this machine does not have the address',
  ENOTFOUND: 'the host name is not known',
};

/** Goes down on SIGTERM and SIGINT: readiness off, sources stopped, requests drained, sinks flushed, within `graceMs`. */
export function closeOnSignals(
  app: NestFastifyApplication,
  logger: AppLogger,
  graceMs: number,
  exit: (code: number) => void,
): void {
  let isClosing = false;
  const close = (code: number): void => {
    if (isClosing) return;
    isClosing = true;
    app.get(HealthState).stop();
    const giveUp = setTimeout(() => {
      logger.error('did not stop in time', { graceMs });
      exit(1);
    }, graceMs);
    app.close().then(
      () => {
        clearTimeout(giveUp);
        logger.info('stopped');
        exit(code);
      },
      (error: unknown) => {
        logger.error('stopped with an error', error);
        exit(1);
      },
    );
  };
  const closeOn = (signal: NodeJS.Signals): void => {
    if (!isClosing) logger.info('stopping', { signal });
    close(0);
  };
  process.on('SIGTERM', closeOn);
  process.on('SIGINT', closeOn);
  app.get(StopRequests).listen((reason) => {
    if (!isClosing) logger.error('stopping', { reason });
    close(1);
  });
}
