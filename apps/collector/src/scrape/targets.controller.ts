import { BadRequestException, Controller, Get, NotFoundException, Query } from '@nestjs/common';
import { formatDurationMs, Labels } from '#libs/labels';
import type { HeldMetric } from '#libs/scrape';
import { z } from 'zod';
import { relabelSteps } from './relabel-steps.ts';
import type { ScrapePool } from './scrape-pool.ts';
import { ScrapeRunner } from './scrape.runner.ts';
import type { TargetLoop } from './target-loop.ts';

const targetsQuery = z.object({
  state: z.string().default('any'),
  scrapePool: z.string().default(''),
  /** Whether each target is told with what each rule of its job made of it. */
  explain: z.enum(['true', 'false'], { error: 'accepted are true, false' }).default('false'),
});

const stepsQuery = z.object({
  scrapePool: z.string().default(''),
  /** The discovered labels, as a JSON object. */
  labels: z
    .string()
    .max(64 * 1024)
    .default(''),
});

const labelsObject = z.record(z.string(), z.string());

/** What is scraped and how it went, in the form of Prometheus's API. */
@Controller('api/v1')
export class TargetsController {
  readonly #runner: ScrapeRunner;

  constructor(runner: ScrapeRunner) {
    this.#runner = runner;
  }

  @Get('targets')
  targets(@Query({ schema: targetsQuery }) query: z.output<typeof targetsQuery>): object {
    const state = query.state.toLowerCase();
    const showsActive = state !== 'dropped';
    const showsDropped = state !== 'active';
    const isExplained = query.explain === 'true';
    const { pools } = this.#runner;
    const chosen = pools.filter(
      ({ jobName }) => query.scrapePool === '' || jobName === query.scrapePool,
    );
    return {
      status: 'success',
      data: {
        activeTargets: showsActive
          ? chosen.flatMap((pool) =>
              pool.loops.map((loop) => activeTarget(pool, loop, isExplained)),
            )
          : [],
        droppedTargets: showsDropped
          ? chosen.flatMap((pool) => droppedTargets(pool, isExplained))
          : [],
        droppedTargetCounts: showsDropped
          ? Object.fromEntries(
              pools.map(({ jobName, targetSet }) => [jobName, targetSet.droppedCount]),
            )
          : null,
      },
    };
  }

  /** What the rules of a job make of labels, one after the other. */
  @Get('targets/relabel_steps')
  steps(@Query({ schema: stepsQuery }) query: z.output<typeof stepsQuery>): object {
    const pool = this.#runner.pools.find(({ jobName }) => jobName === query.scrapePool);
    if (pool === undefined) {
      const error = `there is no scrape pool ${JSON.stringify(query.scrapePool)}`;
      throw new NotFoundException({ status: 'error', errorType: 'not_found', error });
    }
    const steps = relabelSteps(labelsOf(query.labels), pool.relabelRules);
    return { status: 'success', data: { steps } };
  }
}

function labelsOf(text: string): Labels {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = null;
  }
  const record = labelsObject.safeParse(parsed);
  if (!record.success) {
    const error = 'labels: expected a JSON object of texts';
    throw new BadRequestException({ status: 'error', errorType: 'bad_data', error });
  }
  return Labels.fromRecord(record.data);
}

/** Go's zero time, which Prometheus shows for a target not scraped yet. */
const NEVER = '0001-01-01T00:00:00Z';

function activeTarget(
  pool: ScrapePool,
  { target, status }: TargetLoop,
  isExplained: boolean,
): object {
  return {
    discoveredLabels: target.discoveredLabels,
    labels: target.labels,
    scrapePool: pool.jobName,
    scrapeUrl: target.url,
    globalUrl: target.url,
    lastError: status.lastError,
    lastScrape: Number.isNaN(status.lastScrapeMs)
      ? NEVER
      : new Date(status.lastScrapeMs).toISOString(),
    lastScrapeDuration: status.lastDurationSeconds,
    health: status.health,
    scrapeInterval: formatDurationMs(target.intervalMs),
    scrapeTimeout: formatDurationMs(target.timeoutMs),
    ...(isExplained && {
      relabelSteps: relabelSteps(target.discoveredLabels, pool.relabelRules),
    }),
    ...(status.held.length > 0 && { heldMetrics: status.held.map(heldMetric) }),
  };
}

/** A metric that brings too many new series; an empty name stands for all of the target. */
function heldMetric({ metric, limit, sinceMs }: HeldMetric): object {
  return { metric, newSeriesLimit: limit, since: new Date(sinceMs).toISOString() };
}

function droppedTargets(
  { jobName, targetSet, relabelRules }: ScrapePool,
  isExplained: boolean,
): object[] {
  const steps = (labels: Labels): object =>
    isExplained ? { relabelSteps: relabelSteps(labels, relabelRules) } : {};
  return [
    ...targetSet.dropped.map(({ discoveredLabels }) => ({
      discoveredLabels,
      scrapePool: jobName,
      ...steps(discoveredLabels),
    })),
    // Prometheus only logs these; the reason is worth more where one looks for the target.
    ...targetSet.invalid.map(({ discoveredLabels, reason }) => ({
      discoveredLabels,
      scrapePool: jobName,
      reason,
      ...steps(discoveredLabels),
    })),
  ];
}
