/** How a list and its watch are asked for; times in milliseconds. */
export interface ListWatchOptions {
  /** Objects of a page; the server may give fewer. */
  readonly pageSize: number;
  /** How long the server keeps a watch open; the next one goes on where it ended. */
  readonly watchSeconds: number;
  /** The first pause after a failure; it doubles up to `maxBackoffMs`. */
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
  /**
   * Whether what is listed comes from the server's cache, which is cheap for the server and knows no pages: right for the
   * pods of a node, of which a thousand collectors ask, and not for those of the cluster, of which one does.
   */
  readonly isCached: boolean;
  /**
   * Where somebody else has stopped: the first list is what there was at this version exactly, and the watch goes on from
   * there. Where the server has forgotten it, what is newest is listed instead. Default: none.
   */
  readonly resumeFrom?: string;
}

/** Defaults: pages as clients of the API have them, a watch of five to ten minutes. */
export const LIST_WATCH_DEFAULTS: ListWatchOptions = {
  pageSize: 500,
  watchSeconds: 300,
  minBackoffMs: 500,
  maxBackoffMs: 30_000,
  isCached: true,
};

/** What to do next. */
export type ListWatchStep =
  /** Ask for a page. */
  | {
      readonly kind: 'list';
      /** '' for the first page. */
      readonly continueToken: string;
      /** '0' lets the server answer from its cache; '' asks for what is newest. */
      readonly resourceVersion: string;
      /** Whether that version is asked for, and none that is newer. */
      readonly isExact: boolean;
      readonly limit: number;
    }
  /** Watch from a version on. */
  | { readonly kind: 'watch'; readonly resourceVersion: string; readonly timeoutSeconds: number }
  /** Nothing before `untilMs`. */
  | { readonly kind: 'wait'; readonly untilMs: number };

/** How a request ended that brought nothing usable. */
export interface RequestFailure {
  /** The HTTP status or that of a Status object; 0 where the request failed before an answer. */
  readonly status: number;
  /** What `Retry-After` asks for, or null. */
  readonly retryAfterMs: number | null;
}

const GONE = 410;
/** Ours for an answer that is too large: pages may do. */
const TOO_LARGE = 413;
/** Answers to a list of one version that another try would not change: it is gone, unknown, or not of this server. */
const NO_SUCH_VERSION: ReadonlySet<number> = new Set([400, 404, GONE, 422, 500, 504]);
/** What a server may ask us to wait at most. */
const MAX_RETRY_AFTER_MS = 300_000;
/** A watch that ends sooner than this without a word did not work, whatever its status said. */
const SHORTEST_WATCH_MS = 1_000;

/**
 * What a client of one resource does: list page by page, watch from the list's version on, list again when the version is
 * gone, wait after failures. It decides and remembers; whoever drives it makes the requests and reports how they went.
 *
 * Chance is handed in (`random`, from 0 up to 1), so that a thousand collectors do not come back at the same instant and a
 * test knows what it gets.
 */
export class ListWatch {
  readonly #options: ListWatchOptions;
  readonly #random: () => number;
  #state: 'listing' | 'watching' = 'listing';
  #continueToken = '';
  #resourceVersion = '';
  /** Whether the next list has to be newer than what the server's cache may hold. */
  #wantsFresh = false;
  #failures = 0;
  #notBeforeMs = 0;
  #relists = 0;
  /** '' once there is nothing to resume. */
  #resumeFrom: string;

  constructor(random: () => number, options: ListWatchOptions = LIST_WATCH_DEFAULTS) {
    this.#random = random;
    this.#options = options;
    this.#resumeFrom = options.resumeFrom ?? '';
  }

  /** The version everything is known up to, '' before the first list. */
  get resourceVersion(): string {
    return this.#resourceVersion;
  }

  /** Whether the list is complete and events move the version on. */
  get isWatching(): boolean {
    return this.#state === 'watching';
  }

  /** How often a list had to be made again because its version was gone. */
  get relists(): number {
    return this.#relists;
  }

  /** What to do at `nowMs`. Asking again without reporting gives the same. */
  next(nowMs: number): ListWatchStep {
    if (nowMs < this.#notBeforeMs) return { kind: 'wait', untilMs: this.#notBeforeMs };
    if (this.#state === 'listing') {
      const isFirstPage = this.#continueToken === '';
      const { isCached, pageSize } = this.#options;
      const isExact = this.#resumeFrom !== '';
      const usual = isCached && !this.#wantsFresh ? '0' : '';
      return {
        kind: 'list',
        continueToken: this.#continueToken,
        // A version beside a continue token is refused by the server.
        resourceVersion: !isFirstPage ? '' : isExact ? this.#resumeFrom : usual,
        isExact: isFirstPage && isExact,
        limit: pageSize,
      };
    }
    const { watchSeconds } = this.#options;
    return {
      kind: 'watch',
      resourceVersion: this.#resourceVersion,
      timeoutSeconds: Math.round(watchSeconds * (1 + this.#random())),
    };
  }

  /** @returns whether this was the last page */
  listed(page: { readonly continueToken: string; readonly resourceVersion: string }): boolean {
    this.#failures = 0;
    this.#continueToken = page.continueToken;
    if (page.continueToken !== '') return false;
    this.#resourceVersion = page.resourceVersion;
    this.#wantsFresh = false;
    this.#resumeFrom = '';
    this.#state = 'watching';
    return true;
  }

  /** An event or a bookmark moved what is known on to `resourceVersion`. */
  advanced(resourceVersion: string): void {
    if (resourceVersion !== '') this.#resourceVersion = resourceVersion;
    this.#failures = 0;
  }

  /** The watch was ended by the server, as it does every few minutes. */
  watchEnded(nowMs: number, durationMs: number, events: number): void {
    if (durationMs < SHORTEST_WATCH_MS && events === 0) this.#backOff(nowMs, null);
  }

  /** A list, a watch or a Status event of a watch failed. */
  failed(nowMs: number, { status, retryAfterMs }: RequestFailure): void {
    if (this.#resumeFrom !== '' && NO_SUCH_VERSION.has(status)) {
      this.#resumeFrom = '';
      this.#continueToken = '';
    }
    if (status === GONE) {
      // The version has been compacted away: everything is listed anew, once at once, and then with growing pauses.
      this.#relists++;
      this.#state = 'listing';
      this.#continueToken = '';
      this.#wantsFresh = true;
      if (this.#failures++ > 0) this.#backOff(nowMs, retryAfterMs);
      return;
    }
    if (status === TOO_LARGE) this.#wantsFresh = true;
    this.#backOff(nowMs, retryAfterMs);
  }

  #backOff(nowMs: number, retryAfterMs: number | null): void {
    const { minBackoffMs, maxBackoffMs } = this.#options;
    const ceilingMs = Math.min(maxBackoffMs, minBackoffMs * 2 ** Math.min(this.#failures, 20));
    this.#failures++;
    const ownMs = ceilingMs * (0.5 + this.#random() / 2);
    const askedMs = Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
    this.#notBeforeMs = nowMs + Math.max(ownMs, askedMs);
  }
}
