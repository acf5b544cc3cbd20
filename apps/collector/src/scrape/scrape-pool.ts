import { buildTargets, type TargetSet } from '#libs/discovery';
import { jobFingerprint, type LoadedJob } from './scrape-section.ts';
import { TargetFetcher } from './target-fetcher.ts';
import { type LoopSurroundings, TargetLoop } from './target-loop.ts';

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
  readonly #fetcher: TargetFetcher;
  readonly #loops = new Map<string, TargetLoop>();
  #set = NO_TARGETS;

  constructor(job: LoadedJob, around: LoopSurroundings & { readonly userAgent: string }) {
    this.jobName = job.config.jobName;
    this.fingerprint = jobFingerprint(job);
    this.#job = job;
    this.#around = around;
    this.#fetcher = new TargetFetcher({ ...job, userAgent: around.userAgent, nowMs: Date.now });
  }

  get loops(): readonly TargetLoop[] {
    return [...this.#loops.values()];
  }

  /** What discovery and relabelling came to. */
  get targetSet(): TargetSet {
    return this.#set;
  }

  /** Brings the loops in line with the job's groups; targets that stay keep their loop and its state. */
  sync(job: LoadedJob): void {
    const set = buildTargets(job.config, job.config.staticGroups);
    this.#set = set;
    const wanted = new Set(set.targets.map(({ key }) => key));
    for (const [key, loop] of this.#loops) {
      if (wanted.has(key)) continue;
      loop.stop();
      this.#loops.delete(key);
    }
    for (const target of set.targets) {
      let loop = this.#loops.get(target.key);
      if (loop === undefined) {
        const { config } = this.#job;
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

  /** Ends all loops and their series. */
  async stop(): Promise<void> {
    for (const loop of this.#loops.values()) loop.stop();
    this.#loops.clear();
    this.#around.metrics.forget(this.jobName);
    await this.#fetcher.close();
  }
}
