import { randomInt } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { ExpositionWriter } from '#libs/exposition';
import { METRIC_NAME } from '#libs/labels';
import { USER_AGENT, withSpan } from '#libs/platform';
import { type ProbeVerdict, runProbe, targetComplaint } from '#libs/probes';
import type { ScrapeOutcome } from '#libs/scrape';
import { ProbesRunner } from './probes.runner.ts';

/** What is asked of a prober, as the URL of a scrape has it: `…/probe?module=http_2xx&target=…`. */
export interface ProberRequest {
  readonly jobName: string;
  readonly url: string;
  /** Of the scrape; the probe ends a little earlier. */
  readonly timeoutMs: number;
}

const USUAL_MODULE = 'http_2xx';
/** What is left of a scrape's time for the answer, as blackbox_exporter has it. */
const OFFSET_MS = 500;

/** Does within the collector what a prober such as blackbox_exporter does for whoever scrapes it. */
@Injectable()
export class OwnProber {
  readonly #runner: ProbesRunner;

  constructor(runner: ProbesRunner) {
    this.#runner = runner;
  }

  /** Never fails: a probe that cannot be made is a failed scrape, one that fails is an answer that says so. */
  async probe(request: ProberRequest, signal: AbortSignal): Promise<ScrapeOutcome> {
    const startedMs = performance.now();
    const durationSeconds = (): number => (performance.now() - startedMs) / 1_000;
    const params = new URL(request.url).searchParams;
    const moduleName = params.get('module') ?? USUAL_MODULE;
    const target = params.get('target') ?? '';
    const named = this.#runner.modulesForObjects.get(moduleName);
    const reason =
      named === undefined
        ? `no module ${moduleName} for objects; accepted are ${[...this.#runner.modulesForObjects.keys()].join(', ')}`
        : targetComplaint(named.module, target);
    if (named === undefined || reason !== null) {
      return { kind: 'failure', reason: reason ?? '', durationSeconds: durationSeconds() };
    }
    const leftMs = Math.max(request.timeoutMs - OFFSET_MS, request.timeoutMs / 2);
    const timeoutMs = Math.min(named.timeoutMs ?? Infinity, leftMs);
    const attributes = { 'probe.name': request.jobName, 'probe.target': target };
    const judge = await withSpan('probe', attributes, () =>
      runProbe(named.module, target, this.#runner.guardedTransports, {
        userAgent: USER_AGENT,
        signal: AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(timeoutMs))]),
        dialIp: null,
        randomId: randomInt(0x1_0000),
      }),
    );
    const verdict = judge(durationSeconds());
    this.#runner.metrics.probed({ name: request.jobName, moduleName }, verdict);
    const { body, contentType } = answerOf(verdict);
    return {
      kind: 'response',
      status: 200,
      statusText: 'OK',
      contentType,
      body,
      durationSeconds: durationSeconds(),
    };
  }
}

/** A verdict as a prober's answer: every family is a gauge. */
function answerOf({ metrics }: ProbeVerdict): {
  readonly body: Buffer;
  readonly contentType: string;
} {
  const writer = new ExpositionWriter('text');
  const families = Map.groupBy(metrics, ({ labels }) => labels.get(METRIC_NAME));
  for (const [family, members] of families) {
    writer.type(family, 'gauge');
    for (const { labels, value } of members) writer.series(labels, value);
  }
  return { body: Buffer.from(writer.take()), contentType: writer.contentType };
}
