import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { WorkloadSpec } from './workload.ts';

/** What the feeder writes, where to and when. */
export interface FeedSpec {
  readonly workload: WorkloadSpec;
  /** Where remote write is taken; all get the same requests. */
  readonly urls: readonly string[];
  /** Time of the first sample. What lies in the past is written as fast as it is taken, the rest when its time comes. */
  readonly startMs: number;
  readonly stepMs: number;
  /** Samples of each series, or null to go on until stopped. */
  readonly steps: number | null;
  readonly seriesPerRequest: number;
  /** Samples of a series in one request; 1 is what a sender of live samples does. */
  readonly stepsPerRequest: number;
}

export type FeedRequest =
  { readonly kind: 'feed'; readonly spec: FeedSpec } | { readonly kind: 'stop' };

export interface FeedReport {
  readonly samples: number;
  readonly seconds: number;
  /** From a live sample's time to the answers to its request. */
  readonly longestDelayMs: number;
}

type FeedAnswer =
  | ({ readonly kind: 'caught-up' | 'ended' } & FeedReport)
  | { readonly kind: 'failed'; readonly reason: string };

/** A feed that runs in a process of its own. */
export class Feed {
  /** Resolves once the past is written. */
  readonly caughtUp: Promise<FeedReport>;
  /** Resolves once all is written, or after `stop`. */
  readonly ended: Promise<FeedReport>;
  readonly #child: ChildProcess;

  constructor(spec: FeedSpec) {
    const entry = join(import.meta.dirname, 'feeder.process.ts');
    const child = spawn(process.execPath, ['--conditions=repo-source', entry], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child = child;
    const answer = (kind: 'caught-up' | 'ended'): Promise<FeedReport> =>
      new Promise((resolve, reject) => {
        child.on('message', (message: FeedAnswer) => {
          if (message.kind === 'failed') reject(new Error(`the feeder failed: ${message.reason}`));
          else if (message.kind === kind) resolve(message);
        });
        child.once('error', reject);
        child.once('exit', () => reject(new Error('the feeder ended')));
      });
    this.caughtUp = answer('caught-up');
    this.ended = answer('ended');
    // Whoever waits for one of them need not wait for the other.
    this.caughtUp.catch(() => undefined);
    this.ended.catch(() => undefined);
    const request: FeedRequest = { kind: 'feed', spec };
    child.send(request);
  }

  async stop(): Promise<FeedReport> {
    if (this.#child.connected) this.#child.send({ kind: 'stop' } satisfies FeedRequest);
    const report = await this.ended;
    if (this.#child.connected) this.#child.disconnect();
    return report;
  }

  /** Ends the process whatever it does. */
  kill(): void {
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
  }
}
