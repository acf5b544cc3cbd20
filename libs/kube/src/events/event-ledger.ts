import type { KubeObject } from '../objects/metadata.ts';
import type { KubeEvent } from '../objects/event.ts';
import type { ObjectSink } from '../object-cache.ts';

export interface EventLedgerOptions {
  /**
   * Until when somebody else has told of events: what the first list brings from before then is known, unless it is one of
   * where he has stopped, of which everything is. NaN where nobody has;
   * the whole first list is known then, since nothing says when those who counted it stopped.
   */
  readonly sinceMs: number;
  /** Events remembered; beyond them those not heard of for the longest time are forgotten. */
  readonly maxEvents: number;
  /** Told of each event that has happened, and how often since it was told last. */
  readonly happened: (event: KubeEvent, times: number) => void;
}

/** How often an event has happened by its own account, and when last; milliseconds. */
export function eventOccurrences({
  metadata,
  count,
  series,
  firstTimestamp,
  lastTimestamp,
  eventTime,
}: KubeEvent): { readonly count: number; readonly firstMs: number; readonly lastMs: number } {
  const createdMs = metadata.creationTimestamp ?? 0;
  const firstMs = firstTimestamp ?? eventTime ?? createdMs;
  return {
    count: Math.max(1, count, series?.count ?? 0),
    firstMs,
    lastMs: Math.max(
      firstMs,
      series?.lastObservedTime ?? 0,
      lastTimestamp ?? 0,
      eventTime ?? 0,
      createdMs,
    ),
  };
}

/**
 * What events were counted, however often they are told: an event is an object whose count goes up while it repeats, so each
 * is remembered by its uid with the count that is known. A list made again, a watch that breaks off and goes on, bring the
 * same objects, and nothing is counted twice. What somebody else has counted before is known from the list of where he has
 * stopped; where there is no such list any more, a first list tells by time.
 */
export class EventLedger implements ObjectSink<KubeEvent> {
  readonly #options: EventLedgerOptions;
  /** Counts by uid, those heard of last at the end. */
  readonly #counts = new Map<string, number>();
  #listed: Set<string> | null = null;
  #isSynced = false;
  /** Whether the first list is of where somebody else has stopped. */
  #isAllKnown = false;
  #dropped = 0;

  constructor(options: EventLedgerOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#counts.size;
  }

  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Events forgotten because there were too many: such a one counts once more when it happens again. */
  get dropped(): number {
    return this.#dropped;
  }

  /** What a list of an exact version brings is what somebody else has told up to there. */
  beginList(exactVersion: string): void {
    this.#isAllKnown = exactVersion !== '';
    this.#listed = new Set();
  }

  /** What the list did not name is over: the API server keeps events for an hour. */
  endList(): void {
    const listed = this.#listed;
    if (listed !== null) {
      for (const uid of this.#counts.keys()) if (!listed.has(uid)) this.#counts.delete(uid);
    }
    this.#listed = null;
    this.#isSynced = true;
  }

  put(event: KubeEvent): void {
    const { uid } = event.metadata;
    this.#listed?.add(uid);
    const { count } = eventOccurrences(event);
    const known = this.#counts.get(uid);
    const times = known === undefined ? this.#timesOfNew(event) : Math.max(0, count - known);
    this.#remember(uid, count);
    if (times > 0) this.#options.happened(event, times);
  }

  delete({ metadata }: KubeObject): void {
    this.#counts.delete(metadata.uid);
  }

  #timesOfNew(event: KubeEvent): number {
    const { count, firstMs, lastMs } = eventOccurrences(event);
    const { sinceMs } = this.#options;
    // How often of all the times since then, it does not say.
    if (this.#dropped > 0 && this.#isSynced) return 1;
    if (this.#isSynced) return count;
    if (this.#isAllKnown) return 0;
    if (!(lastMs > sinceMs)) return 0;
    return firstMs > sinceMs ? count : 1;
  }

  #remember(uid: string, count: number): void {
    this.#counts.delete(uid);
    this.#counts.set(uid, count);
    if (this.#counts.size <= this.#options.maxEvents) return;
    const [oldest] = this.#counts.keys();
    this.#counts.delete(oldest!);
    this.#dropped++;
  }
}
