import {
  decodeSilence,
  encodeSilence,
  type IncomingAlert,
  type PostedSilence,
  type Silence,
  type SilenceBook,
  type SilenceChange,
  type SilenceKeeper,
} from '#libs/dispatch';
import { type AppLogger, describeError } from '#libs/platform';
import { AlertmanagerApiError } from './alertmanager-api-error.ts';
import type { NotificationMetrics } from './notification-metrics.ts';
import type { KeyedStore } from './state-area.ts';

export interface SilenceServiceOptions {
  readonly book: SilenceBook;
  readonly keeper: SilenceKeeper;
  readonly store: KeyedStore;
  readonly metrics: NotificationMetrics;
  readonly logger: AppLogger;
  readonly nowMs: () => number;
  /** A fresh UUID each time. */
  readonly newId: () => string;
  /** Called after what is in force has changed. */
  readonly onChange: () => void;
}

/** What the silences ask of the loop. */
export interface SilenceTurn {
  readonly notices: readonly IncomingAlert[];
  readonly wakeUpMs: number | null;
  /** False where changes could not be written; they are due still. */
  readonly isWritten: boolean;
}

/**
 * Takes silences and keeps them: planned, written and fsynced, then in force. One change after the other, so that each is
 * planned on what is in force.
 */
export class SilenceService {
  readonly #options: SilenceServiceOptions;
  #last: Promise<unknown> = Promise.resolve();
  /** Silences whose write failed. Whether it was made all the same is not known, so what is in force is written over it. */
  readonly #doubtful = new Set<string>();

  constructor(options: SilenceServiceOptions) {
    this.#options = options;
  }

  /** Puts into force what was kept. @throws whatever the store throws */
  async restore(): Promise<void> {
    const { book, store, metrics, logger } = this.#options;
    let damagedCount = 0;
    for (const [id, text] of await store.load()) {
      const silence = decodeSilence(text);
      if (silence === null) damagedCount++;
      else book.commit([{ id, silence }]);
    }
    metrics.damagedSilences.set(damagedCount);
    if (damagedCount > 0) logger.error('some silences cannot be read', { damagedCount });
  }

  get(id: string): Silence | null {
    return this.#options.book.get(id);
  }

  all(): Iterable<Silence> {
    return this.#options.book.all();
  }

  /**
   * Makes or changes a silence. When it resolves, the silence is on disk and in force.
   * @returns its id
   * @throws SilenceError; AlertmanagerApiError where it cannot be written
   */
  put(posted: PostedSilence): Promise<string> {
    const { keeper, metrics, nowMs, newId } = this.#options;
    return this.#inTurn(async () => {
      const putAtMs = nowMs();
      const plan = keeper.planPut(posted, putAtMs, newId());
      const takenUp = keeper.takenUpBy(plan, putAtMs);
      await this.#keep(plan.changes);
      for (const { startsAtMs } of takenUp) metrics.takenUp(putAtMs - startsAtMs);
      return plan.id;
    });
  }

  /** Ends a silence. @throws SilenceError; AlertmanagerApiError where that cannot be written */
  expire(id: string): Promise<void> {
    const { book, nowMs } = this.#options;
    return this.#inTurn(() => this.#keep(book.planExpiry(id, nowMs())));
  }

  /** Does what is due: acknowledgements end, recurring silences come again, old ones go. */
  async upkeep(nowMs: number): Promise<SilenceTurn> {
    const { book, keeper, newId, logger, onChange } = this.#options;
    const { version } = book;
    const { changes, notices, wakeUpMs } = keeper.upkeep(nowMs, newId);
    if (changes.length === 0 && this.#doubtful.size === 0) {
      return { notices, wakeUpMs, isWritten: true };
    }
    try {
      await this.#inTurn(async () => {
        // Somebody was quicker: it has to be worked out anew, in the next turn.
        if (book.version === version) await this.#keep(changes);
        else onChange();
      });
    } catch (error) {
      logger.error('silences cannot be written', { error: describeError(error) });
      return { notices, wakeUpMs, isWritten: false };
    }
    return { notices, wakeUpMs, isWritten: true };
  }

  async #keep(changes: readonly SilenceChange[]): Promise<void> {
    const { book, store, onChange, logger, metrics } = this.#options;
    const inForce = [...this.#doubtful].map((id) => ({ id, silence: book.get(id) }));
    if (changes.length + inForce.length === 0) return;
    try {
      await store.apply(
        [...inForce, ...changes].map(({ id, silence }) => ({
          key: id,
          value: silence === null ? null : encodeSilence(silence),
        })),
      );
      this.#doubtful.clear();
    } catch (error) {
      // The loop goes on by itself once it knows that something is due.
      if (this.#doubtful.size === 0) onChange();
      for (const { id } of changes) this.#doubtful.add(id);
      metrics.silenceWriteFailures.inc();
      logger.error('a silence cannot be written', { error: describeError(error) });
      throw AlertmanagerApiError.refused(500, 'the silence could not be written to disk');
    }
    if (changes.length === 0) return;
    book.commit(changes);
    onChange();
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#last.then(run);
    this.#last = result.catch(() => {});
    return result;
  }
}
