import { Labels } from '#libs/labels';
import {
  compressBlock,
  type SampleSlice,
  SendQueue,
  type SendQueueCounts,
  WriteEncoder,
} from '#libs/remote-write';
import type { SampleBatch } from '#libs/samples';
import { nextScrapeMs, spreadOffsetMs, TargetScraper } from '#libs/scrape';
import { parseYamlConfig } from '#libs/yaml-config';
import { resolveScrapeConfigs, type ScrapeConfig, scrapeConfigsSchema } from '#libs/discovery';
import { z } from 'zod';
import type { SimulatedNetwork } from './simulated-network.ts';
import type { Simulation } from './simulation.ts';
import type { SimulatedTarget } from './simulated-target.ts';

const SCRAPE_INTERVAL_MS = 5_000;

/** The collector's engines in simulated time: scraping one target, queueing, sending. */
export class SimulatedCollector {
  readonly #sim: Simulation;
  readonly #target: SimulatedTarget;
  readonly #network: SimulatedNetwork;
  readonly #scraper: TargetScraper;
  readonly #queue: SendQueue;
  readonly #encoder = new WriteEncoder('prometheus.WriteRequest');
  readonly #onScraped: (batch: SampleBatch) => void;
  readonly #onAcknowledged: (slices: readonly SampleSlice[]) => void;
  #isStopped = false;
  #cancelWait: (() => void) | null = null;

  constructor(
    sim: Simulation,
    parts: {
      readonly target: SimulatedTarget;
      readonly network: SimulatedNetwork;
      readonly onScraped: (batch: SampleBatch) => void;
      readonly onAcknowledged: (slices: readonly SampleSlice[]) => void;
    },
  ) {
    this.#sim = sim;
    this.#target = parts.target;
    this.#network = parts.network;
    this.#onScraped = parts.onScraped;
    this.#onAcknowledged = parts.onAcknowledged;
    this.#scraper = new TargetScraper({
      targetLabels: Labels.fromRecord({ job: 'shop', instance: 'shop:80' }),
      timeoutMs: 1_000,
      rules: shopScrapeConfig(),
    });
    this.#queue = new SendQueue(
      {
        maxSamples: 100_000,
        maxSamplesPerSend: 20,
        batchDeadlineMs: 500,
        minBackoffMs: 50,
        maxBackoffMs: 2_000,
      },
      sim.random.next,
    );
  }

  get counts(): SendQueueCounts {
    return this.#queue.counts;
  }

  start(): void {
    const offsetMs = spreadOffsetMs('shop', SCRAPE_INTERVAL_MS, 'simulator');
    const scrape = (): void => {
      if (this.#isStopped) return;
      this.#push(this.#scraper.accept(this.#target.scrape(), this.#sim.nowMs()).batch);
      const next = nextScrapeMs(this.#sim.nowMs(), SCRAPE_INTERVAL_MS, offsetMs);
      this.#sim.after(next - this.#sim.nowMs(), scrape);
    };
    scrape();
  }

  /** Stops scraping; what is queued is still sent. */
  stop(): void {
    this.#isStopped = true;
    this.#push(this.#scraper.stop(this.#sim.nowMs()));
  }

  #push(batch: SampleBatch): void {
    this.#onScraped(batch);
    this.#queue.push(batch, this.#sim.nowMs());
    this.#work();
  }

  #work(): void {
    this.#cancelWait?.();
    this.#cancelWait = null;
    const action = this.#queue.nextAction(this.#sim.nowMs());
    if (action.kind === 'wait') {
      this.#cancelWait = this.#sim.after(action.untilMs - this.#sim.nowMs(), () => this.#work());
    } else if (action.kind === 'send') {
      const { slices } = action.send;
      const body = Buffer.from(compressBlock(this.#encoder.encode(slices)));
      this.#network.send(body, (answer) => {
        if (answer.kind === 'accepted') this.#onAcknowledged(slices);
        this.#queue.completed(answer, this.#sim.nowMs());
        this.#work();
      });
    }
  }
}

function shopScrapeConfig(): ScrapeConfig {
  const schema = z.strictObject({ scrape_configs: scrapeConfigsSchema });
  const text = 'scrape_configs: [{job_name: shop, scrape_interval: 5s, scrape_timeout: 1s}]';
  const { scrape_configs: jobs } = parseYamlConfig(text, schema, { file: 'simulator' });
  return resolveScrapeConfigs(jobs).configs[0]!;
}
