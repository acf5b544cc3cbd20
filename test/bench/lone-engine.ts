import type { BenchContext } from './bench-context.ts';
import { SCRAPE_MS } from './cluster.ts';
import type { Contender } from './contender.ts';
import type { Feed } from './feeder.ts';
import { CONTAINER_COUNTERS, CONTAINERS } from './workload.ts';

/** What was written before the first look: enough for the windows the rules ask for. */
const HISTORY_MS = 4 * 60_000;

/** Our engine alone, fed counters of containers every 15 s. */
export interface LoneEngine {
  readonly engine: Contender;
  readonly feed: Feed;
  readonly seriesCount: number;
}

export async function startLoneEngine(context: BenchContext, pods: number): Promise<LoneEngine> {
  const engine = await context.startEngine();
  const seriesCount = pods * CONTAINERS.length * CONTAINER_COUNTERS.length;
  context.say(`feeding ${seriesCount} counters of ${pods} pods every 15 s …`);
  const feed = context.feed({
    workload: { kind: 'containers', pods },
    urls: [engine.writeUrl],
    startMs: Math.floor(Date.now() / SCRAPE_MS) * SCRAPE_MS - HISTORY_MS,
    stepMs: SCRAPE_MS,
    steps: null,
    seriesPerRequest: 2_000,
    stepsPerRequest: 1,
  });
  await feed.caughtUp;
  return { engine, feed, seriesCount };
}
