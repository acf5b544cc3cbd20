/** How many new series a target may bring in a window before they are no longer taken. */
export interface CardinalityLimits {
  /** Of one metric; `Infinity` for no limit. */
  readonly newSeriesPerMetric: number;
  /** Of all metrics together. */
  readonly newSeriesPerTarget: number;
  readonly windowMs: number;
}

/** A metric, or with an empty name the whole target, whose new series are not taken at the moment. */
export interface HeldMetric {
  readonly metric: string;
  readonly limit: number;
  readonly sinceMs: number;
}

/**
 * Stops a metric that makes ever more series: what it has goes on, what it adds beyond its limit is not taken until the next
 * window, and nobody else notices. What the first good scrape brings is what the target is, and does not count; `sample_limit`
 * bounds that.
 */
export class CardinalityGuard {
  readonly #limits: CardinalityLimits;
  readonly #held = new Map<string, HeldMetric>();
  #added = new Map<string, number>();
  #addedByAll = 0;
  #windowStartMs = Number.NaN;
  #nowMs = 0;

  constructor(limits: CardinalityLimits) {
    this.#limits = limits;
  }

  /** Metrics that are being held, and the target itself under an empty name. */
  get held(): readonly HeldMetric[] {
    return [...this.#held.values()];
  }

  /**
   * Tells the time of the scrape that begins.
   * @returns whether a new window has begun, so that what was refused may be asked for again
   */
  beginScrape(nowMs: number): boolean {
    this.#nowMs = nowMs;
    // A clock that was set back begins a window, too.
    const elapsedMs = nowMs - this.#windowStartMs;
    if (elapsedMs >= 0 && elapsedMs < this.#limits.windowMs) return false;
    this.#windowStartMs = nowMs;
    this.#added = new Map();
    this.#addedByAll = 0;
    const hadHeld = this.#held.size > 0;
    this.#held.clear();
    return hadHeld;
  }

  /** Whether one more new series of the metric is taken; if so it is counted. */
  admits(metric: string): boolean {
    const { newSeriesPerMetric, newSeriesPerTarget } = this.#limits;
    if (this.#addedByAll >= newSeriesPerTarget) return this.#hold('', newSeriesPerTarget);
    const added = this.#added.get(metric) ?? 0;
    if (added >= newSeriesPerMetric) return this.#hold(metric, newSeriesPerMetric);
    this.#added.set(metric, added + 1);
    this.#addedByAll++;
    return true;
  }

  #hold(metric: string, limit: number): false {
    if (!this.#held.has(metric)) this.#held.set(metric, { metric, limit, sinceMs: this.#nowMs });
    return false;
  }
}
