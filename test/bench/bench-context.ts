import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cluster } from './cluster.ts';
import {
  collectorContender,
  type Contender,
  engineContender,
  type Programs,
  prometheusAgentContender,
  prometheusContender,
} from './contender.ts';
import { Feed, type FeedSpec } from './feeder.ts';
import type { Finding } from './report.ts';

export interface BenchOptions {
  readonly programs: Programs;
  /** Smaller sizes and fewer rounds, to see whether something is far off. */
  readonly isQuick: boolean;
  /** Where CPU profiles of our programs go, one for each process; null for none. */
  readonly profileDir: string | null;
}

/** What a benchmark is given: programs to start, a place for them, and where to say what was found. */
export class BenchContext {
  readonly isQuick: boolean;
  readonly findings: Finding[] = [];
  readonly #options: BenchOptions;
  readonly #folder: string;
  readonly #contenders: Contender[] = [];
  readonly #feeds: Feed[] = [];
  #cluster: Cluster | null = null;
  #count = 0;

  private constructor(options: BenchOptions, folder: string) {
    this.isQuick = options.isQuick;
    this.#options = options;
    this.#folder = folder;
  }

  static async open(options: BenchOptions): Promise<BenchContext> {
    return new BenchContext(options, await mkdtemp(join(tmpdir(), 'binnacle-bench-')));
  }

  /** Both stores, started on empty folders. */
  async startBoth(): Promise<{ ours: Contender; theirs: Contender }> {
    const ours = await this.startEngine();
    const theirs = prometheusContender(this.#options.programs, this.nextFolder());
    this.#contenders.push(theirs);
    await theirs.start();
    return { ours, theirs };
  }

  /** The collector's built main.js. */
  get collectorProgram(): string {
    return this.#options.programs.collector;
  }

  /** Of the programs that are ours. */
  get nodeArgs(): readonly string[] {
    const { profileDir } = this.#options;
    return profileDir === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`];
  }

  async startEngine(): Promise<Contender> {
    const { programs } = this.#options;
    const engine = engineContender(programs, this.nextFolder(), this.nodeArgs);
    this.#contenders.push(engine);
    await engine.start();
    return engine;
  }

  /** The collector and Prometheus as an agent, both told to scrape the same and to send it to `writeUrl`. */
  async startAgents(
    config: Readonly<Record<string, unknown>>,
    writeUrl: string,
  ): Promise<{ ours: Contender; theirs: Contender }> {
    const remote = [{ url: writeUrl }];
    const ours = await this.startCollector({
      ...config,
      host_metrics: { enabled: false },
      outputs: { remote_write: remote },
    });
    const theirs = prometheusAgentContender(this.#options.programs, this.nextFolder(), {
      ...config,
      remote_write: remote,
    });
    this.#contenders.push(theirs);
    await theirs.start();
    return { ours, theirs };
  }

  async startCollector(config: Readonly<Record<string, unknown>>): Promise<Contender> {
    const { programs } = this.#options;
    const collector = collectorContender(programs, this.nextFolder(), config, this.nodeArgs);
    this.#contenders.push(collector);
    await collector.start();
    return collector;
  }

  feed(spec: FeedSpec): Feed {
    const feed = new Feed(spec);
    this.#feeds.push(feed);
    return feed;
  }

  /** The cluster that several benchmarks look at; made when the first asks. */
  async cluster(): Promise<Cluster> {
    this.#cluster ??= await Cluster.start(this);
    return this.#cluster;
  }

  /** Says what happens. */
  say(text: string): void {
    process.stderr.write(`  ${text}\n`);
  }

  add(...findings: readonly Finding[]): void {
    this.findings.push(...findings);
  }

  async close(): Promise<void> {
    for (const feed of this.#feeds) feed.kill();
    for (const contender of this.#contenders) await contender.stop();
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }

  /** A folder that nobody else uses; it is made by whoever asked. */
  nextFolder(): string {
    this.#count++;
    return join(this.#folder, String(this.#count));
  }
}
