import type { Contender } from './contender.ts';
import type { Feed, FeedSpec } from './feeder.ts';
import { ruleFile } from './rule-set.ts';
import { CONTAINER_COUNTERS, CONTAINERS } from './workload.ts';

export const SCRAPE_MS = 15_000;
/** What was written before the first look: enough for every window that is asked for. */
const HISTORY_MS = 6 * 60_000;

/** What a cluster is started with. */
export interface ClusterHost {
  readonly isQuick: boolean;
  startBoth(): Promise<{ ours: Contender; theirs: Contender }>;
  feed(spec: FeedSpec): Feed;
  say(text: string): void;
}

/** 100,000 counters of containers that both stores are fed every 15 seconds. */
export class Cluster {
  readonly seriesCount: number;
  readonly ours: Contender;
  readonly theirs: Contender;
  #hasRules = false;

  private constructor(seriesCount: number, ours: Contender, theirs: Contender) {
    this.seriesCount = seriesCount;
    this.ours = ours;
    this.theirs = theirs;
  }

  static async start(host: ClusterHost): Promise<Cluster> {
    const pods = host.isQuick ? 200 : 1_000;
    const { ours, theirs } = await host.startBoth();
    const seriesCount = pods * CONTAINERS.length * CONTAINER_COUNTERS.length;
    host.say(`feeding ${seriesCount} counters of ${pods} pods every 15 s …`);
    const feed = host.feed({
      workload: { kind: 'containers', pods },
      urls: [ours.writeUrl, theirs.writeUrl],
      startMs: Math.floor(Date.now() / SCRAPE_MS) * SCRAPE_MS - HISTORY_MS,
      stepMs: SCRAPE_MS,
      steps: null,
      seriesPerRequest: 2_000,
      stepsPerRequest: 1,
    });
    const { samples, seconds } = await feed.caughtUp;
    host.say(`history of ${samples} samples written in ${seconds.toFixed(0)} s`);
    return new Cluster(seriesCount, ours, theirs);
  }

  /** The rules, evaluated by both every 15 s from now on. */
  async startRules(): Promise<void> {
    if (this.#hasRules) return;
    this.#hasRules = true;
    await this.ours.useRules(ruleFile(SCRAPE_MS / 1_000));
    await this.theirs.useRules(ruleFile(SCRAPE_MS / 1_000));
  }
}
