import { Controller, Get, Query } from '@nestjs/common';
import { formatDurationMs } from '#libs/labels';
import type { HeldMetric } from '#libs/scrape';
import { z } from 'zod';
import type { ScrapePool } from './scrape-pool.ts';
import { ScrapeRunner } from './scrape.runner.ts';
import type { TargetLoop } from './target-loop.ts';

const targetsQuery = z.object({
  state: z.string().default('any'),
  scrapePool: z.string().default(''),
});

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
    const { pools } = this.#runner;
    const chosen = pools.filter(
      ({ jobName }) => query.scrapePool === '' || jobName === query.scrapePool,
    );
    return {
      status: 'success',
      data: {
        activeTargets: showsActive
          ? chosen.flatMap((pool) => pool.loops.map((loop) => activeTarget(pool, loop)))
          : [],
        droppedTargets: showsDropped ? chosen.flatMap(droppedTargets) : [],
        droppedTargetCounts: showsDropped
          ? Object.fromEntries(
              pools.map(({ jobName, targetSet }) => [jobName, targetSet.droppedCount]),
            )
          : null,
      },
    };
  }
}

/** Go's zero time, which Prometheus shows for a target not scraped yet. */
const NEVER = '0001-01-01T00:00:00Z';

function activeTarget(pool: ScrapePool, { target, status }: TargetLoop): object {
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
    ...(status.held.length > 0 && { heldMetrics: status.held.map(heldMetric) }),
  };
}

/** A metric that brings too many new series; an empty name stands for all of the target. */
function heldMetric({ metric, limit, sinceMs }: HeldMetric): object {
  return { metric, newSeriesLimit: limit, since: new Date(sinceMs).toISOString() };
}

function droppedTargets({ jobName, targetSet }: ScrapePool): object[] {
  return [
    ...targetSet.dropped.map(({ discoveredLabels }) => ({
      discoveredLabels,
      scrapePool: jobName,
    })),
    // Prometheus only logs these; the reason is worth more where one looks for the target.
    ...targetSet.invalid.map(({ discoveredLabels, reason }) => ({
      discoveredLabels,
      scrapePool: jobName,
      reason,
    })),
  ];
}
