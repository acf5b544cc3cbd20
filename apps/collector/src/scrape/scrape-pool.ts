import {
  buildTargets,
  type GuardSurroundings,
  guardTargets,
  type RefusedTarget,
  type RelabelRule,
  type TargetGroup,
  type TargetSet,
} from '#libs/discovery';
import type { OwnProber } from '../probes/own-prober.ts';
import type { TargetProvider } from '../discovery/target-provider.ts';
import type { LoadedJob } from './scrape-section.ts';
import { TargetFetcher } from './target-fetcher.ts';
import { type LoopSurroundings, TargetLoop, type TargetSource } from './target-loop.ts';

const NO_TARGETS: TargetSet = {
  targets: [],
  dropped: [],
  droppedCount: 0,
  invalid: [],
  failure: null,
};

/** The targets of one job and their loops. */
export class ScrapePool {
  readonly jobName: string;
  /** Of everything but the targets: a job that changes here gets a new pool. */
  readonly fingerprint: string;
  readonly #job: LoadedJob;
  readonly #around: LoopSurroundings;
  readonly #fetcher: TargetSource;
  readonly #loops = new Map<string, TargetLoop>();
  readonly #providers: readonly TargetProvider[];
  readonly #guard: GuardSurroundings;
  /** By provider, what it told last. */
  readonly #discovered = new Map<TargetProvider, readonly TargetGroup[]>();
  #staticGroups: readonly TargetGroup[] = [];
  #isStopped = false;
  #set = NO_TARGETS;
  #trusted: ReadonlySet<string> = new Set();
  /** Keys of those refused at the last look: each is counted once. */
  #refused: ReadonlySet<string> = new Set();

  constructor(
    job: LoadedJob,
    options: {
      readonly around: LoopSurroundings & { readonly userAgent: string };
      readonly fingerprint: string;
      readonly providers: readonly TargetProvider[];
      readonly guard: GuardSurroundings;
      /** Asked instead of the targets, where the job says so. */
      readonly prober: Pick<OwnProber, 'probe'>;
    },
  ) {
    const { around, fingerprint, providers, guard, prober } = options;
    this.#guard = guard;
    this.#providers = providers;
    this.jobName = job.config.jobName;
    this.fingerprint = fingerprint;
    this.#job = job;
    this.#around = around;
    this.#fetcher =
      job.isProbedHere === true
        ? {
            fetch: (target, signal) => prober.probe({ ...target, jobName: this.jobName }, signal),
            close: async () => {},
          }
        : new TargetFetcher({
            ...job,
            guard,
            trusted: () => this.#trusted,
            userAgent: around.userAgent,
            nowMs: Date.now,
          });
  }

  get loops(): readonly TargetLoop[] {
    return [...this.#loops.values()];
  }

  /** What relabels its targets. */
  get relabelRules(): readonly RelabelRule[] {
    return this.#job.config.relabelRules;
  }

  /** What discovery and relabelling came to. */
  get targetSet(): TargetSet {
    return this.#set;
  }

  /** Begins to look for targets beside those that are written down. */
  start(): void {
    for (const provider of this.#providers) {
      provider.start((groups) => {
        this.#discovered.set(provider, groups);
        this.#sync();
      });
    }
  }

  /** Brings the loops in line with the job's groups; targets that stay keep their loop and its state. */
  sync(job: LoadedJob): void {
    this.#staticGroups = job.isElected === true ? [] : job.config.staticGroups;
    this.#sync();
  }

  #sync(): void {
    if (this.#isStopped) return;
    const groups = [...this.#staticGroups, ...[...this.#discovered.values()].flat()];
    const { config } = this.#job;
    const built = buildTargets(config, groups);
    const { set: guarded, refused, trusted } = guardTargets(built, config, this.#guard);
    const set = slowed(guarded, this.#job.minIntervalMs ?? 0);
    this.#set = set;
    this.#trusted = trusted;
    this.#countRefused(refused);
    const wanted = new Set(set.targets.map(({ key }) => key));
    for (const [key, loop] of this.#loops) {
      if (wanted.has(key)) continue;
      loop.stop();
      this.#loops.delete(key);
    }
    for (const target of set.targets) {
      let loop = this.#loops.get(target.key);
      if (loop === undefined) {
        loop = new TargetLoop({ target, config, fetcher: this.#fetcher, around: this.#around });
        this.#loops.set(target.key, loop);
      }
      loop.failure = set.failure;
      loop.start();
    }
    this.#around.metrics.synced(this.jobName, {
      discovered: set.targets.length + set.droppedCount + set.invalid.length,
      active: set.targets.length,
      invalid: set.invalid.length,
      hasTooMany: set.failure !== null,
    });
  }

  #countRefused(refused: readonly RefusedTarget[]): void {
    for (const { key, code } of refused) {
      if (!this.#refused.has(key)) this.#around.metrics.refused(this.jobName, code);
    }
    this.#refused = new Set(refused.map(({ key }) => key));
  }

  /** Ends all loops and their series. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const loop of this.#loops.values()) loop.stop();
    this.#loops.clear();
    this.#around.metrics.forget(this.jobName);
    await Promise.all(this.#providers.map((provider) => provider.stop()));
    await this.#fetcher.close();
  }
}

/** Labels may say an interval too: none is shorter than it may be. */
function slowed(set: TargetSet, minIntervalMs: number): TargetSet {
  if (set.targets.every(({ intervalMs }) => intervalMs >= minIntervalMs)) return set;
  const targets = set.targets.map((target) =>
    target.intervalMs >= minIntervalMs ? target : { ...target, intervalMs: minIntervalMs },
  );
  return { ...set, targets };
}
