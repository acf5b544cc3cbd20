import type { LineBatch } from '#libs/log-tail';
import {
  LinePipeline,
  type LinePipelineOptions,
  type PipelineCounters,
  type PipelineResult,
} from './line-pipeline.ts';
import type { LogSource } from './log-source.ts';
import {
  type MultilineCounters,
  MultilineJoiner,
  type MultilineLimits,
} from './multiline-joiner.ts';
import type { MultilineRule } from './multiline-rules.ts';
import type { ParserSet } from './parser-set.ts';
import { RecordBatch } from './record-batch.ts';
import type { ParserCounters, RecordParser } from './record-parser.ts';
import { RecordPlans } from './record-plans.ts';
import {
  ContainerShipping,
  type ShippingCounters,
  ShippingRules,
  type ShippingSpec,
} from './shipping.ts';

export interface RecordPipelineOptions extends LinePipelineOptions {
  readonly parsers: ParserSet;
  /** The parser of files whose pod does not ask for another; null for none. */
  readonly parser: string | null;
  /** Every rule by which lines may be joined. */
  readonly multilineRules: readonly MultilineRule[];
  /** Names of those that hold for files whose pod does not ask for others. */
  readonly multiline: readonly string[];
  readonly multilineLimits: MultilineLimits;
  readonly shipping: ShippingSpec;
  /** Names of the labels that records have of their group. */
  readonly labelNames: readonly string[];
  /** Whether annotations of pods count. */
  readonly obeysAnnotations: boolean;
}

/** What a pipeline has seen since it was made. */
export interface RecordCounters extends PipelineCounters, ParserCounters, MultilineCounters {
  /** How often a pod has asked for a parser or a multiline rule that there is not. */
  unknownNames: number;
}

/** What is done with the records of a file. */
interface FileState {
  source: LogSource;
  /** By stream; null where nothing is parsed. */
  parsers: readonly (RecordParser | null)[] | null;
  /** By stream; null where none is. */
  isExcluded: readonly boolean[] | null;
  /** Shared by the files of a container. */
  shipping: ContainerShipping;
  readonly container: string;
  multiline: MultilineJoiner | null;
  /** Names of the rules of `multiline`. */
  rules: string;
}

const NO_BYTES = Buffer.alloc(0);

/**
 * The way from lines to records that can be shipped: understanding the format and joining parts (`LinePipeline`), then what
 * is configured or asked for by the pod, in this order: joining lines, taking messages apart, and, for what is shipped,
 * leaving out. What is to be
 * done is found out once a file; where that is nothing, a record costs nothing more.
 */
export class RecordPipeline {
  readonly #options: RecordPipelineOptions;
  readonly #lines: LinePipeline;
  readonly #labelNames: readonly Uint8Array[];
  readonly #plans: RecordPlans;
  readonly #rules: ReadonlyMap<string, MultilineRule>;
  readonly #files = new Map<string, FileState>();
  readonly #shippingRules: ShippingRules;
  readonly #containers = new Map<string, ContainerShipping>();
  readonly #counters = {
    unparsedLines: 0,
    badTimes: 0,
    cutRecords: 0,
    unknownNames: 0,
  };

  /** @throws RegExpSyntaxError, TimeFormatError */
  constructor(options: RecordPipelineOptions) {
    this.#options = options;
    this.#lines = new LinePipeline(options);
    this.#shippingRules = new ShippingRules(options.shipping);
    this.#labelNames = options.labelNames.map((name) => new TextEncoder().encode(name));
    this.#rules = new Map(options.multilineRules.map((rule) => [rule.name, rule]));
    this.#plans = new RecordPlans(options, () => this.#counters.unknownNames++);
  }

  get counters(): Readonly<RecordCounters> {
    return { ...this.#lines.counters, ...this.#counters };
  }

  /** What was not shipped, and what was taken out. */
  get shippingCounters(): ShippingCounters {
    return this.#shippingRules.counters;
  }

  /**
   * The records of a batch of lines, in their order; a joined message comes where its last part stands.
   * @param source of the file; another object when something about it has changed
   */
  process(batch: LineBatch, source: LogSource, nowMs: number): PipelineResult {
    const state = this.#stateOf(batch.fileKey, source);
    const { records, heldFromOffset } = this.#lines.process(batch, nowMs);
    const { multiline } = state;
    if (multiline === null) {
      return { records: this.#parse(state, records, nowMs), heldFromOffset };
    }
    const out = records.emptied();
    for (let row = 0; row < records.count; row++) multiline.add(records, row, out, nowMs);
    multiline.settle();
    return {
      records: this.#parse(state, out, nowMs),
      heldFromOffset: Math.min(heldFromOffset, multiline.heldFromOffset),
    };
  }

  /** Records that have waited too long for what might have followed, by file. */
  flushOverdue(nowMs: number): Map<string, PipelineResult> {
    const flushed = this.#lines.flushOverdue(nowMs);
    const beforeMs = nowMs - this.#options.multilineLimits.timeoutMs;
    for (const [fileKey, state] of this.#files) {
      const { multiline } = state;
      const parts = flushed.get(fileKey);
      if (state.shipping.hasNews(nowMs) && parts === undefined && multiline?.isHolding !== true) {
        const records = new RecordBatch(NO_BYTES, 1);
        flushed.set(fileKey, { records, heldFromOffset: this.heldFrom(fileKey) });
        continue;
      }
      if (multiline === null || (parts === undefined && !multiline.isHolding)) {
        if (parts !== undefined) {
          const { records, heldFromOffset } = parts;
          flushed.set(fileKey, { records: this.#parse(state, records, nowMs), heldFromOffset });
        }
        continue;
      }
      const out = parts?.records.emptied() ?? new RecordBatch(NO_BYTES, 4);
      for (let row = 0; row < (parts?.records.count ?? 0); row++) {
        multiline.add(parts!.records, row, out, nowMs);
      }
      multiline.settle();
      multiline.flush(beforeMs, out);
      if (out.count === 0) {
        flushed.delete(fileKey);
        continue;
      }
      const heldFromOffset = this.heldFrom(fileKey);
      flushed.set(fileKey, { records: this.#parse(state, out, nowMs), heldFromOffset });
    }
    return flushed;
  }

  /** What was held back of a file whose end has come, or null; {@link forget} it then. */
  end(fileKey: string, nowMs: number): RecordBatch | null {
    const records = this.#lines.end(fileKey);
    const state = this.#files.get(fileKey);
    if (state === undefined) return records;
    const { multiline } = state;
    if (multiline === null) return records === null ? null : this.#parse(state, records, nowMs);
    const out = records?.emptied() ?? new RecordBatch(NO_BYTES, 4);
    for (let row = 0; row < (records?.count ?? 0); row++) {
      multiline.add(records!, row, out, nowMs);
    }
    multiline.flush(Number.POSITIVE_INFINITY, out);
    return out.count === 0 ? null : this.#parse(state, out, nowMs);
  }

  /**
   * Leaves out of the records of a file what is not to be shipped. This is apart from making them, since what is left out
   * is counted as well.
   */
  ship(fileKey: string, records: RecordBatch, nowMs: number): RecordBatch {
    const state = this.#files.get(fileKey);
    return state === undefined ? records : state.shipping.ship(records, state.isExcluded, nowMs);
  }

  /** Where the first line of a file begins that is held back for its continuation; Infinity when none is. */
  heldFrom(fileKey: string): number {
    const multiline = this.#files.get(fileKey)?.multiline?.heldFromOffset ?? Infinity;
    return Math.min(multiline, this.#lines.heldFrom(fileKey));
  }

  /** The file has ended and everything of it was shipped. */
  forget(fileKey: string): void {
    const state = this.#files.get(fileKey);
    if (state === undefined) return;
    this.#files.delete(fileKey);
    state.shipping.users--;
    if (state.shipping.users === 0) this.#containers.delete(state.container);
  }

  #stateOf(fileKey: string, source: LogSource): FileState {
    let state = this.#files.get(fileKey);
    if (state?.source === source) return state;
    if (state === undefined) {
      const container = containerKey(source);
      const shipping =
        this.#containers.get(container) ?? new ContainerShipping(this.#shippingRules);
      shipping.users++;
      this.#containers.set(container, shipping);
      state = {
        source,
        parsers: null,
        isExcluded: null,
        shipping,
        container,
        multiline: null,
        rules: '',
      };
      this.#files.set(fileKey, state);
    }
    state.source = source;
    const plan = this.#plans.of(source);
    state.parsers = plan.parsers;
    state.isExcluded = plan.isExcluded;
    state.shipping.setRate(plan.rateLimit);
    const names = this.#rulesOf(source);
    // What is held back goes on by the rules it was begun with as long as they are the same.
    if (names.join() !== state.rules && state.multiline?.isHolding !== true) {
      state.rules = names.join();
      state.multiline =
        names.length === 0
          ? null
          : new MultilineJoiner(
              names.map((name) => this.#rules.get(name)!),
              this.#options.multilineLimits,
              this.#counters,
            );
    }
    return state;
  }

  #rulesOf(source: LogSource): readonly string[] {
    const wanted = this.#plans.directivesOf(source, '').multiline;
    if (wanted === null) return this.#options.multiline;
    const names = wanted.includes('auto') ? [...this.#rules.keys()] : wanted;
    const known = names.filter((name) => this.#rules.has(name));
    this.#counters.unknownNames += names.length - known.length;
    return [...new Set(known)];
  }

  /** Takes messages apart. */
  #parse({ parsers }: FileState, records: RecordBatch, nowMs: number): RecordBatch {
    if (parsers === null) return records;
    for (let row = 0; row < records.count; row++) {
      parsers[records.streams[row]!]?.apply(records, row, nowMs, this.#counters, this.#labelNames);
    }
    return records;
  }
}

/** Files of the same container follow each other; others are each by itself. */
function containerKey({ path, podPath, identity }: LogSource): string {
  const { namespace, pod, container } = identity;
  return podPath === null || pod === '' ? path : `${namespace}/${pod}/${container}`;
}
