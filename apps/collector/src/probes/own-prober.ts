import { randomInt } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { ExpositionWriter } from '#libs/exposition';
import { type Labels, METRIC_NAME } from '#libs/labels';
import { USER_AGENT, withSpan } from '#libs/platform';
import { type ProbeVerdict, runProbe, targetComplaint } from '#libs/probes';
import type { ScrapeOutcome } from '#libs/scrape';
import { NEVER_PROBED, nextProbeStatus, type ProbeStatus } from './probe-status.ts';
import { ProbesRunner } from './probes.runner.ts';

/** What is asked of a prober, as the URL of a scrape has it: `…/probe?module=http_2xx&target=…`. */
export interface ProberRequest {
  readonly jobName: string;
  readonly url: string;
  readonly intervalMs: number;
  /** Of the scrape; the probe ends a little earlier. */
  readonly timeoutMs: number;
  /** Of the series that the scrape brings. */
  readonly labels: Labels;
}

/** A target that somebody has had probed, and how that went. */
export interface AskedProbe {
  readonly request: ProberRequest;
  readonly moduleName: string;
  readonly target: string;
  readonly status: ProbeStatus;
}

const USUAL_MODULE = 'http_2xx';
/** What is left of a scrape's time for the answer, as blackbox_exporter has it. */
const OFFSET_MS = 500;
/** More than this are probed by somebody else. */
const MAX_ASKED = 10_000;
/** So many intervals without a scrape, and nobody scrapes it any more. */
const FORGOTTEN_AFTER = 3;

/** Does within the collector what a prober such as blackbox_exporter does for whoever scrapes it. */
@Injectable()
export class OwnProber {
  readonly #runner: ProbesRunner;
  /** By job and target, those asked for last at the end. */
  readonly #asked = new Map<string, AskedProbe>();

  constructor(runner: ProbesRunner) {
    this.#runner = runner;
  }

  /** What is probed for those who scrape, and how the last probe went. */
  get asked(): readonly AskedProbe[] {
    const nowMs = Date.now();
    for (const [key, { request, status }] of this.#asked) {
      const keepMs = FORGOTTEN_AFTER * request.intervalMs + request.timeoutMs;
      if (nowMs - status.lastProbeMs > keepMs) this.#asked.delete(key);
    }
    return [...this.#asked.values()];
  }

  /** Never fails: a probe that cannot be made is a failed scrape, one that fails is an answer that says so. */
  async probe(request: ProberRequest, signal: AbortSignal): Promise<ScrapeOutcome> {
    const startedMs = performance.now();
    const timeMs = Date.now();
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
      const failure = { code: 'configuration', message: reason ?? '' } as const;
      this.#note({ request, moduleName, target }, { failure, metrics: [] }, timeMs);
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
    if (!signal.aborted) this.#note({ request, moduleName, target }, verdict, timeMs);
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

  #note(asked: Omit<AskedProbe, 'status'>, verdict: ProbeVerdict, timeMs: number): void {
    const key = keyOf(asked);
    const before = this.#asked.get(key)?.status ?? NEVER_PROBED;
    const durationSeconds = (Date.now() - timeMs) / 1_000;
    const status = nextProbeStatus(before, verdict, timeMs, durationSeconds);
    this.#asked.delete(key);
    this.#asked.set(key, { ...asked, status });
    const [oldest] = this.#asked.keys();
    if (this.#asked.size > MAX_ASKED) this.#asked.delete(oldest!);
  }
}

/** Tells targets of one job apart. */
function keyOf({ request, moduleName, target }: Omit<AskedProbe, 'status'>): string {
  return JSON.stringify([request.jobName, moduleName, target]);
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
