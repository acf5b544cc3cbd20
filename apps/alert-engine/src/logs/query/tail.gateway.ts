import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Interval } from '@nestjs/schedule';
import type { FastifyInstance } from 'fastify';
import { AppLogger, describeError } from '#libs/platform';
import { Counter, Gauge, Registry } from 'prom-client';
import { ENGINE_CONFIG, type EngineConfig } from '../../config/engine-config.ts';
import { type EngineLogs, LOG_STORE } from '../store/engine-logs.ts';
import { LogQueryService } from './log-query-service.ts';
import { LokiApiError } from './loki-api-error.ts';
import { LokiParameters } from './loki-parameters.ts';
import { Tail } from './tail.ts';
import { refuseHandshake, TailSocket } from './tail-socket.ts';

const PATH = /^\/loki\/api\/v1\/tail\/?(?:\?|$)/;
const PING_EVERY_MS = 20_000;

/** Opens websockets for `/loki/api/v1/tail`, once the controller and the hooks before it have said yes. */
@Injectable()
export class TailGateway implements OnModuleInit, OnModuleDestroy {
  readonly #host: HttpAdapterHost;
  readonly #service: LogQueryService;
  readonly #logs: EngineLogs;
  readonly #logger: AppLogger;
  readonly #maxTails: number;
  readonly #leftOut: Counter;
  readonly #tails = new Map<TailSocket, Tail>();
  #isClosed = false;

  constructor(
    host: HttpAdapterHost,
    service: LogQueryService,
    @Inject(LOG_STORE) logs: EngineLogs,
    @Inject(ENGINE_CONFIG) config: EngineConfig,
    registry: Registry,
    logger: AppLogger,
  ) {
    this.#host = host;
    this.#service = service;
    this.#logs = logs;
    this.#logger = logger;
    this.#maxTails = config.limits.log_query.max_tails;
    this.#leftOut = new Counter({
      name: 'binnacle_log_tail_dropped_lines_total',
      help: 'Lines that clients which follow them were too slow for.',
      registers: [registry],
    });
    const tails = this.#tails;
    registry.registerMetric(
      new Gauge({
        name: 'binnacle_log_tails',
        help: 'Clients that follow log lines.',
        registers: [],
        collect() {
          this.set(tails.size);
        },
      }),
    );
  }

  onModuleInit(): void {
    const server: Server = this.#host.httpAdapter.getHttpServer();
    // Requests that offer another protocol than ours, such as h2c, are answered as if they did not.
    Object.assign(server, { shouldUpgradeCallback: isTailRequest });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      this.#open(request, socket, head).catch((error: unknown) => {
        this.#logger.error('lines could not be followed', { error: describeError(error) });
        socket.destroy();
      });
    });
  }

  onModuleDestroy(): void {
    this.#isClosed = true;
    for (const socket of this.#tails.keys()) socket.close(1001, 'the engine is going down');
  }

  @Interval(PING_EVERY_MS)
  ping(): void {
    for (const socket of this.#tails.keys()) socket.ping();
  }

  async #open(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const fastify: FastifyInstance = this.#host.httpAdapter.getInstance();
    const url = request.url ?? '/';
    const { statusCode, payload, headers } = await fastify.inject({
      method: 'GET',
      url,
      headers: request.headers,
    });
    if (socket.destroyed) return;
    if (statusCode !== 204) {
      const authenticate = headers['www-authenticate'];
      return refuse(
        socket,
        statusCode,
        payload,
        authenticate === undefined ? '' : String(authenticate),
      );
    }
    const reason = refuseHandshake(request);
    if (reason !== null) return refuse(socket, 400, `${reason}\n`);
    if (this.#isClosed) return refuse(socket, 503, 'the engine is going down\n');
    if (this.#tails.size >= this.#maxTails) {
      return refuse(socket, 429, `no more than ${this.#maxTails} clients may follow lines\n`);
    }
    await this.#follow(request, socket, head);
  }

  async #follow(request: IncomingMessage, stream: Duplex, head: Buffer): Promise<void> {
    const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const nowMs = Date.now();
    const parameters = new LokiParameters(searchParams, new URLSearchParams(), nowMs);
    const expr = this.#service.tailedQuery(parameters);
    const socket = new TailSocket(request, stream, head);
    const tail = new Tail(this.#logs, expr, socket, {
      nowMs,
      onLeftOut: (lines) => this.#leftOut.inc(lines),
    });
    this.#tails.set(socket, tail);
    const gone = new AbortController();
    socket.onClose = () => {
      gone.abort();
      tail.stop();
      this.#tails.delete(socket);
    };
    try {
      await tail.start(() => this.#service.newest(parameters, expr, gone.signal));
    } catch (error) {
      if (!(error instanceof LokiApiError)) throw error;
      socket.close(1011, error.message.slice(0, 100));
    }
  }
}

function isTailRequest({ url, headers }: IncomingMessage): boolean {
  return PATH.test(url ?? '') && headers.upgrade?.toLowerCase() === 'websocket';
}

/** Answers a request that is no longer one of Fastify's. */
function refuse(socket: Duplex, status: number, body: string, authenticate = ''): void {
  const challenge = authenticate === '' ? '' : `www-authenticate: ${authenticate}\r\n`;
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nconnection: close\r\ncontent-type: text/plain; charset=utf-8\r\n${challenge}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
