import { IntakeBatch, IntakeRefusal } from '../logs/log-intake.ts';
import { RecordBuilder } from '../logs/record-builder.ts';
import type { LogInputContext } from './log-input.ts';

/** How long records wait for others to go on with. */
const FLUSH_MS = 50;
const BATCH_BYTES = 256 * 1024;
/** How long after a refusal the same records are handed over again. */
const RETRY_MS = 500;

interface Batch {
  readonly builder: RecordBuilder;
  readonly safe: Promise<void>;
  readonly isSafe: () => void;
  readonly isLost: (error: unknown) => void;
}

/** No more is taken, and what was not safe by now never will be. */
class BatcherStoppedError extends Error {
  override readonly name = 'BatcherStoppedError';
}

/**
 * Puts records together that come one by one from senders that cannot be told to send them again: what is refused is tried
 * until it is taken, and whoever hands records over sees to it that not too many wait.
 */
export class RecordBatcher {
  readonly #context: LogInputContext;
  readonly #input: string;
  readonly #isRepeatable: boolean;
  #batch: Batch | null = null;
  #timer: NodeJS.Timeout | null = null;
  #waitingBytes = 0;
  #isStopping = false;
  #under = new Set<Promise<void>>();
  #retries = new Set<() => void>();

  /** @param isRepeatable whether what is not safe when it stops will be handed over again by the next run */
  constructor(context: LogInputContext, input: string, isRepeatable = false) {
    this.#context = context;
    this.#input = input;
    this.#isRepeatable = isRepeatable;
  }

  /** Of records that are not safe. */
  get waitingBytes(): number {
    return this.#waitingBytes + (this.#batch?.builder.byteCount ?? 0);
  }

  /**
   * Adds what `write` writes.
   * @returns the same for all that is handed over together: resolved when it is safe, maybe sooner than what was added
   * before; rejected with BatcherStoppedError when it never will be
   */
  add(write: (builder: RecordBuilder) => void): Promise<void> {
    const batch = (this.#batch ??= this.#begin());
    write(batch.builder);
    if (batch.builder.byteCount >= BATCH_BYTES) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS);
    return batch.safe;
  }

  /** Hands over what there is. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const batch = this.#batch;
    this.#batch = null;
    if (batch === null) return;
    const handing = this.#handOver(batch).finally(() => this.#under.delete(handing));
    this.#under.add(handing);
  }

  /** Hands over what there is, once more; what is refused then is lost, and counted. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.flush();
    for (const retry of this.#retries) retry();
    await Promise.all(this.#under);
  }

  #begin(): Batch {
    const { promise: safe, resolve: isSafe, reject: isLost } = Promise.withResolvers<void>();
    // Not everybody waits for it.
    safe.catch(() => {});
    return { builder: new RecordBuilder(), safe, isSafe, isLost };
  }

  async #handOver({ builder, isSafe, isLost }: Batch): Promise<void> {
    const { metrics } = this.#context;
    const batch = new IntakeBatch(this.#input, null, builder);
    this.#waitingBytes += batch.byteCount;
    for (;;) {
      const wasStopping = this.#isStopping;
      try {
        await this.#context.intake.take(batch);
        metrics.taken(batch);
        isSafe();
        break;
      } catch (error) {
        if (wasStopping) {
          const reason = error instanceof IntakeRefusal ? error.reason : 'disk';
          if (this.#isRepeatable) metrics.refused(this.#input, reason, batch.count);
          else metrics.dropped(this.#input, reason, batch.count);
          isLost(new BatcherStoppedError('the input stops', { cause: error }));
          break;
        }
        await this.#pause();
      }
    }
    this.#waitingBytes -= batch.byteCount;
  }

  async #pause(): Promise<void> {
    if (this.#isStopping) return;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        clearTimeout(timer);
        this.#retries.delete(go);
        resolve();
      };
      const timer = setTimeout(go, RETRY_MS);
      this.#retries.add(go);
    });
  }
}
