import { type DropSpec, RecordFilter, Sampler, type SampleSpec } from './drop-rules.ts';
import { WARN } from './log-level.ts';
import { type RateLimit, RateLimiter } from './rate-limiter.ts';
import { NO_STREAM, type RecordBatch } from './record-batch.ts';
import { type RedactionSpec, Redactor } from './redactor.ts';

/** What is left out of, and taken out of, records before they are shipped. */
export interface ShippingSpec {
  readonly drop: readonly DropSpec[];
  readonly sample: readonly SampleSpec[];
  /** Of each container. */
  readonly rateLimit: RateLimit | null;
  readonly redact: RedactionSpec;
}

/** Why records are not shipped. */
export const DROP_REASONS = ['excluded', 'filtered', 'sampled', 'rate_limited'] as const;

export type DropReason = (typeof DROP_REASONS)[number];

/** What shipping has left out and taken out. */
export class ShippingCounters {
  readonly dropped: Record<DropReason, number> = {
    excluded: 0,
    filtered: 0,
    sampled: 0,
    rate_limited: 0,
  };
  /** By kind, or name of a pattern. */
  readonly redactions = new Map<string, number>();
}

interface SampleRule {
  readonly filter: RecordFilter;
  readonly keep: number;
}

/** What is shared by all containers of a group. */
export class ShippingRules {
  readonly counters = new ShippingCounters();
  readonly drops: readonly RecordFilter[];
  readonly samples: readonly SampleRule[];
  readonly rateLimit: RateLimit | null;
  readonly redactor: Redactor | null;

  /** @throws RegExpSyntaxError */
  constructor({ drop, sample, rateLimit, redact }: ShippingSpec) {
    this.drops = drop.map((spec) => new RecordFilter(spec));
    this.samples = sample.map((spec) => ({ filter: new RecordFilter(spec), keep: spec.keep }));
    this.rateLimit = rateLimit;
    const isRedacting = redact.kinds.length > 0 || redact.patterns.length > 0;
    this.redactor = isRedacting ? new Redactor(redact, this.counters.redactions) : null;
  }
}

/** Leaves out of the records of one container what is not to be shipped, and takes out of them what nobody should read. */
export class ContainerShipping {
  /** Files whose records come through here. */
  users = 0;
  readonly #rules: ShippingRules;
  readonly #samplers: readonly Sampler[];
  /** Whether what its records say of their time is nothing to go by for their rate. */
  readonly #goesByArrival: boolean;
  #limiter: RateLimiter | null = null;

  constructor(rules: ShippingRules, goesByArrival = false) {
    this.#rules = rules;
    this.#goesByArrival = goesByArrival;
    this.#samplers = rules.samples.map(({ keep }) => new Sampler(keep));
    this.setRate(null);
  }

  /** @param linesPerSecond what the pod asks for, at most what is configured; null where it asks for nothing */
  setRate(linesPerSecond: number | null): void {
    const configured = this.#rules.rateLimit;
    let limit = configured;
    if (linesPerSecond !== null && linesPerSecond < (configured?.linesPerSecond ?? Infinity)) {
      limit = { linesPerSecond, burst: Math.max(1, linesPerSecond * 5) };
    }
    const isSame =
      limit?.linesPerSecond === this.#limiter?.limit.linesPerSecond &&
      limit?.burst === this.#limiter?.limit.burst;
    if (!isSame) this.#limiter = limit === null ? null : new RateLimiter(limit);
  }

  /** Whether there is something to say though no record has come. */
  hasNews(nowMs: number): boolean {
    return this.#limiter?.hasNews(nowMs) === true;
  }

  /** Whether any record might be left out. @param isExcluded by stream */
  mayDrop(isExcluded: readonly boolean[] | null): boolean {
    const { drops, samples } = this.#rules;
    return isExcluded !== null || drops.length > 0 || samples.length > 0 || this.#limiter !== null;
  }

  /** @param isExcluded by stream */
  ship(records: RecordBatch, isExcluded: readonly boolean[] | null, nowMs: number): RecordBatch {
    const { redactor } = this.#rules;
    const limiter = this.#limiter;
    if (this.mayDrop(isExcluded)) this.#drop(records, isExcluded, nowMs);
    if (redactor !== null) {
      for (let row = 0; row < records.count; row++) redactor.redact(records, row);
    }
    if (limiter?.hasNews(nowMs) === true) tell(records, limiter, nowMs);
    return records;
  }

  #drop(records: RecordBatch, isExcluded: readonly boolean[] | null, nowMs: number): void {
    const { dropped } = this.#rules.counters;
    const keep = new Uint8Array(records.count);
    let isWhole = true;
    for (let row = 0; row < records.count; row++) {
      const reason = this.#reasonToDrop(records, row, isExcluded, nowMs);
      if (reason === null) keep[row] = 1;
      else {
        dropped[reason]++;
        isWhole = false;
      }
    }
    if (!isWhole) records.retain(keep);
  }

  #reasonToDrop(
    records: RecordBatch,
    row: number,
    isExcluded: readonly boolean[] | null,
    nowMs: number,
  ): DropReason | null {
    const { drops, samples } = this.#rules;
    if (isExcluded !== null && isExcluded[records.streams[row]!]!) return 'excluded';
    for (let i = 0; i < drops.length; i++) if (drops[i]!.matches(records, row)) return 'filtered';
    for (let i = 0; i < samples.length; i++) {
      if (!samples[i]!.filter.matches(records, row)) continue;
      if (!this.#samplers[i]!.keeps()) return 'sampled';
      break;
    }
    const limiter = this.#limiter;
    const seconds = this.#goesByArrival ? Number.NaN : records.timeSeconds[row]!;
    if (limiter === null || limiter.allows(seconds, nowMs)) return null;
    return 'rate_limited';
  }
}

/** Adds a record that says how many are missing. */
function tell(records: RecordBatch, limiter: RateLimiter, nowMs: number): void {
  const dropped = limiter.takeDropped(nowMs);
  const { linesPerSecond } = limiter.limit;
  const text = Buffer.from(
    `[binnacle] ${dropped} lines dropped: more than ${linesPerSecond} a second`,
  );
  const row = records.reserve();
  const at = records.addExtra(text, 0, text.length);
  records.place(row, true, at, at + text.length);
  records.levels[row] = WARN;
  records.streams[row] = NO_STREAM;
  records.timeSeconds[row] = Math.floor(nowMs / 1000);
  records.timeNanos[row] = Math.floor(nowMs % 1000) * 1_000_000;
  if (records.fields !== null) records.fields.counts[row] = 0;
}
