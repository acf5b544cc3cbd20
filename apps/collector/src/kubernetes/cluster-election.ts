import { type Lease, LeaseElection, type LeaseElectionOptions } from '#libs/kube';
import { type KubeClient, KubeRequestError } from '#libs/node-kube';
import { KubeObjectError } from '#libs/kube';
import type { AppLogger } from '#libs/platform';
import type { KubernetesMetrics } from './kubernetes.metrics.ts';

export interface ClusterElectionOptions extends LeaseElectionOptions {
  readonly client: KubeClient;
  readonly metrics: KubernetesMetrics;
  readonly logger: AppLogger;
  /**
   * Called once each time this collector begins or ceases to speak for the cluster.
   * @param predecessorMs until when another one has spoken, NaN where nobody has
   * @param handedOver how far whoever spoke before has come, '' where nobody has told
   */
  readonly onChange: (leads: boolean, predecessorMs: number, handedOver: string) => void;
}

/** Stands for election by a Lease until it is stopped. */
export class ClusterElection {
  readonly #options: ClusterElectionOptions;
  readonly #election: LeaseElection;
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | null = null;
  /** Ends the term when nothing has renewed it. */
  #term: NodeJS.Timeout | null = null;
  #turn: Promise<void> = Promise.resolve();
  #last: Lease | null = null;
  #leads = false;
  #isFailing = false;

  constructor(options: ClusterElectionOptions) {
    this.#options = options;
    this.#election = new LeaseElection(options);
  }

  start(): void {
    const { retryMs } = this.#options;
    const turn = (): void => {
      this.#turn = this.#stand();
    };
    const next = (): void => {
      turn();
      void this.#turn.finally(() => {
        if (!this.#abort.signal.aborted) {
          // A little by chance, so that a thousand candidates do not ask in step.
          this.#timer = setTimeout(next, retryMs * (0.9 + 0.2 * Math.random()));
        }
      });
    };
    next();
  }

  /** Gives the lease back, so that the next one need not wait for its end. */
  async stop(): Promise<void> {
    const wasLeading = this.#election.leads(Date.now());
    this.#abort.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#turn;
    if (this.#term !== null) clearTimeout(this.#term);
    this.#options.metrics.leads(false);
    if (!wasLeading || this.#last === null) return;
    const { client, namespace, name } = this.#options;
    const body = this.#election.release(this.#last, Date.now());
    const signal = AbortSignal.timeout(2_000);
    await client.writeLease(namespace, name, { kind: 'update', body }, signal).catch((error) => {
      this.#options.logger.warn('the lease was not given back', { error: String(error) });
    });
  }

  async #stand(): Promise<void> {
    const { client, namespace, name, retryMs } = this.#options;
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(retryMs * 2)]);
    try {
      const lease = await client.getLease(namespace, name, signal);
      const askedAtMs = Date.now();
      const step = this.#election.decide(lease, askedAtMs);
      if (step.kind !== 'follow') {
        this.#last = await client.writeLease(namespace, name, step, signal);
        this.#election.written(this.#last, askedAtMs);
      }
      if (this.#isFailing) this.#options.logger.info('the lease can be read and written again');
      this.#isFailing = false;
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#failed(error);
    }
    if (!this.#abort.signal.aborted) this.#note();
  }

  #failed(error: unknown): void {
    const { metrics, logger } = this.#options;
    if (error instanceof KubeRequestError && error.status === 409) {
      this.#election.lost();
      return;
    }
    const isExpected =
      error instanceof KubeRequestError ||
      error instanceof KubeObjectError ||
      error instanceof SyntaxError;
    if (!isExpected) throw error;
    metrics.leaseFailed();
    if (!this.#isFailing)
      logger.warn('the lease cannot be read or written', { error: error.message });
    this.#isFailing = true;
  }

  #note(): void {
    const { metrics, onChange, logger, leaseDurationMs } = this.#options;
    const leads = this.#election.leads(Date.now());
    metrics.leads(leads);
    if (this.#term !== null) clearTimeout(this.#term);
    // Nothing else would notice the end of the term while a request hangs.
    this.#term = leads ? setTimeout(() => this.#note(), (leaseDurationMs * 2) / 3) : null;
    if (leads === this.#leads) return;
    this.#leads = leads;
    logger.info(
      leads ? 'speaks for the cluster from now on' : 'another one speaks for the cluster',
      {
        holder: this.#election.holder,
      },
    );
    onChange(leads, this.#election.predecessorMs, this.#election.handedOver);
    if (!leads) this.#election.ceased();
  }
}
