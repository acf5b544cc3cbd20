import { Body, Controller, Get, HttpCode, Param, Post, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { isValidUtf8Name, Labels } from '#libs/labels';
import { MatcherTextError, parseMatchers } from '#libs/dispatch';
import { invalidParameter, QueryApiError } from '../query/query-api-error.ts';
import { parseTimeMs } from '../query/query-parameters.ts';
import { explain } from './explanation.ts';
import type { HistoryEntry } from './notification-history.ts';
import { NotificationService } from './notification-service.ts';
import { DEFAULT_TEST_ALERT, type TestAlert, testReceiver } from './receiver-test.ts';

const MOST_ENTRIES = 1_000;
/** Tests of receivers under way at a time. */
const MOST_TESTS = 4;

const historyQuery = z.object({
  receiver: z.string().optional(),
  outcome: z.enum(['delivered', 'replaced', 'failed']).optional(),
  since: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(MOST_ENTRIES).default(100),
});

const explainQuery = z.object({ labels: z.string().min(1), time: z.string().optional() });

const labelSet = z.record(z.string(), z.string());
const testBody = z.strictObject({
  labels: labelSet.optional(),
  annotations: labelSet.optional(),
  status: z.enum(['firing', 'resolved']).optional(),
});

/** What Alertmanager has no API for: what was sent, what would be sent, and whether a receiver works. */
@Controller('api/v1')
export class NotificationsApiController {
  readonly #service: NotificationService;
  #testCount = 0;

  constructor(service: NotificationService) {
    this.#service = service;
  }

  @Get('notifications')
  notifications(@Query({ schema: historyQuery }) query: z.output<typeof historyQuery>): object {
    this.#checkRestored();
    const { receiver = null, outcome = null, since, limit } = query;
    const sinceMs = since === undefined ? Number.NEGATIVE_INFINITY : timeOf('since', since);
    const isAsked = (one: { readonly receiver: string }) =>
      receiver === null || one.receiver === receiver;
    return {
      status: 'success',
      data: {
        owed: outcome === null ? this.#service.owed().filter(isAsked).slice(0, limit) : [],
        notifications: this.#service.history
          .query({ receiver, outcome, sinceMs, limit })
          .map(shownEntry),
      },
    };
  }

  @Get('explain')
  async explain(
    @Query({ schema: explainQuery }) query: z.output<typeof explainQuery>,
  ): Promise<object> {
    this.#checkRestored();
    const nowMs = query.time === undefined ? Date.now() : timeOf('time', query.time);
    return { status: 'success', data: await explain(this.#service, labelsOf(query.labels), nowMs) };
  }

  @Post('receivers/:name/test')
  @HttpCode(200)
  async test(
    @Param('name') name: string,
    @Req() request: FastifyRequest,
    @Body() body: unknown,
  ): Promise<object> {
    const receiver = this.#service.config.receivers.find((one) => one.name === name);
    if (receiver === undefined) {
      throw new QueryApiError(
        'not_found',
        `there is no receiver ${JSON.stringify(name.slice(0, 100))}`,
      );
    }
    const hasBody = (request.headers['content-length'] ?? '0') !== '0';
    const alert = hasBody ? testAlertOf(body) : DEFAULT_TEST_ALERT;
    if (this.#testCount >= MOST_TESTS) {
      throw new QueryApiError('unavailable', `${MOST_TESTS} tests are under way; try again soon`);
    }
    this.#testCount++;
    try {
      const integrations = await testReceiver(receiver, alert, this.#service.delivery, randomUUID);
      return { status: 'success', data: { receiver: name, integrations } };
    } finally {
      this.#testCount--;
    }
  }

  #checkRestored(): void {
    if (this.#service.isRestored) return;
    throw new QueryApiError(
      'unavailable',
      'the state of alerts is not known yet; /readyz says why',
    );
  }
}

function shownEntry({ createdAtMs, endedAtMs, ...entry }: HistoryEntry): object {
  return Object.assign(entry, {
    createdAt: new Date(createdAtMs).toISOString(),
    endedAt: new Date(endedAtMs).toISOString(),
  });
}

function timeOf(name: string, text: string): number {
  const timeMs = parseTimeMs(text);
  if (timeMs === null) throw invalidParameter(name, 'expected RFC 3339 or seconds since the epoch');
  return timeMs;
}

/** Labels as a list of equalities: `{alertname="Down",team="db"}`. */
function labelsOf(text: string): Labels {
  const expected = 'expected labels such as {alertname="Down",team="db"}';
  try {
    const matchers = parseMatchers(text);
    if (matchers.length === 0 || matchers.some(({ kind }) => kind !== '=')) {
      throw invalidParameter('labels', expected);
    }
    return Labels.fromPairs(new Map(matchers.map(({ name, value }) => [name, value])));
  } catch (error) {
    if (!(error instanceof MatcherTextError)) throw error;
    throw invalidParameter('labels', `${error.message}; ${expected}`, error);
  }
}

function testAlertOf(body: unknown): TestAlert {
  const parsed = testBody.safeParse(body);
  if (!parsed.success) throw new QueryApiError('bad_data', z.prettifyError(parsed.error));
  const { labels, annotations, status } = parsed.data;
  return {
    labels: labels === undefined ? DEFAULT_TEST_ALERT.labels : setOf(labels),
    annotations: annotations === undefined ? DEFAULT_TEST_ALERT.annotations : setOf(annotations),
    status: status ?? DEFAULT_TEST_ALERT.status,
  };
}

function setOf(record: Readonly<Record<string, string>>): Labels {
  const bad = Object.entries(record).find(
    ([name, value]) => !isValidUtf8Name(name) || !value.isWellFormed(),
  );
  if (bad === undefined) return Labels.fromRecord(record);
  throw new QueryApiError('bad_data', `${JSON.stringify(bad[0])} is no label with a text`);
}
