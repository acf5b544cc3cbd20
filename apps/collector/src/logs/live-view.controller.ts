import { once } from 'node:events';
import { BlockList, isIP } from 'node:net';
import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AccessGate, ReloadService } from '#libs/platform';
import { COLLECTOR_CONFIG, type CollectorConfig } from '../config/collector-config.ts';
import { LiveFilter, liveQuerySchema } from './live-filter.ts';
import { type LiveListener, LiveView, TooManyListenersError } from './live-view.ts';

/** An empty line comes at least so often, so that both sides notice when the other is gone. */
const HEARTBEAT_MS = 10_000;
/** Between two writes, so that many records are written together. */
const PAUSE_MS = 50;

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8);
LOOPBACK.addAddress('::1', 'ipv6');

/**
 * Logs as they come, a JSON object a line; `{"dropped": N}` for records that were left out. Where nobody is asked who they are,
 * only those on the same machine are shown any, which `kubectl port-forward` makes its users.
 */
@Controller('api/v1/logs')
export class LiveViewController {
  readonly #view: LiveView;
  readonly #gate: AccessGate;
  #allowsAnonymous: boolean;

  constructor(
    view: LiveView,
    gate: AccessGate,
    @Inject(COLLECTOR_CONFIG) config: CollectorConfig,
    reloads: ReloadService<CollectorConfig>,
  ) {
    this.#view = view;
    this.#gate = gate;
    this.#allowsAnonymous = config.logs.live_view.allow_anonymous;
    reloads.register({
      name: 'live view',
      prepare:
        async ({ logs }) =>
        () => {
          this.#allowsAnonymous = logs.live_view.allow_anonymous;
        },
    });
  }

  @Get('live')
  async live(
    @Query() query: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    if (this.#gate.isOpen && !this.#allowsAnonymous && !isLoopback(request.socket.remoteAddress)) {
      await reply.code(403).send({ status: 'error', errorType: 'forbidden', error: NOT_FROM_AFAR });
      return;
    }
    const parsed = liveQuerySchema.safeParse(query);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const error = `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not accepted'}`;
      await reply.code(400).send({ status: 'error', errorType: 'bad_data', error });
      return;
    }
    let listener: LiveListener;
    try {
      listener = this.#view.listen(new LiveFilter(parsed.data));
    } catch (error) {
      if (!(error instanceof TooManyListenersError)) throw error;
      await reply.code(503).header('retry-after', '10').send({
        status: 'error',
        errorType: 'unavailable',
        error: error.message,
      });
      return;
    }
    reply.hijack();
    await stream(reply, listener);
  }
}

const NOT_FROM_AFAR =
  'log lines are shown to those on the same machine only (kubectl port-forward), unless auth says who may see them or logs.live_view.allow_anonymous is true';

function isLoopback(address = ''): boolean {
  const plain = address.replace(/^::ffff:/, '');
  return isIP(plain) !== 0 && LOOPBACK.check(plain, isIP(plain) === 4 ? 'ipv4' : 'ipv6');
}

async function stream({ raw: response }: FastifyReply, listener: LiveListener): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => {
    gone.abort();
    listener.close();
  });
  response.on('error', () => listener.close());
  response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
  response.flushHeaders();
  const heartbeat = setInterval(() => {
    if (response.writableLength === 0) response.write('\n');
  }, HEARTBEAT_MS);
  try {
    for (;;) {
      const news = await listener.next();
      if (news === null || response.destroyed) break;
      const lines = news.records.map((record) => `${JSON.stringify(record)}\n`);
      if (news.dropped > 0) lines.push(`${JSON.stringify({ dropped: news.dropped })}\n`);
      // Until the watcher has taken these, what comes waits in the listener's own bounds.
      if (!response.write(lines.join(''))) await once(response, 'drain', { signal: gone.signal });
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  } finally {
    clearInterval(heartbeat);
    listener.close();
    response.end();
  }
}
