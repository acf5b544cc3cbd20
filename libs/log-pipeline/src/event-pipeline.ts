import type { LogSource } from './log-source.ts';
import type { ParserSet } from './parser-set.ts';
import { RecordBatch } from './record-batch.ts';
import { PACKED_FIELD } from './record-fields.ts';
import type { ParserCounters } from './record-parser.ts';
import { type RecordPlan, RecordPlans } from './record-plans.ts';
import {
  ContainerShipping,
  type ShippingCounters,
  ShippingRules,
  type ShippingSpec,
} from './shipping.ts';

export interface EventPipelineOptions {
  readonly parsers: ParserSet;
  /** The parser of records whose pod does not ask for another; null for none. */
  readonly parser: string | null;
  readonly shipping: ShippingSpec;
  /** Whether annotations of pods count. */
  readonly obeysAnnotations: boolean;
  /** Most senders with a rate of their own; default 10,000. */
  readonly maxSenders?: number;
}

/** What a pipeline has seen since it was made. */
export interface EventCounters extends ParserCounters {
  /** How often a pod has asked for a parser that there is not. */
  unknownNames: number;
}

/** What the parts of a field that came packed are, once somebody has to look into it. */
export type Unpack = (records: RecordBatch, index: number) => void;

interface Sender {
  source: LogSource;
  plan: RecordPlan;
  /** What messages cannot say, since all records of the sender have it. */
  readonly names: readonly Uint8Array[];
  readonly shipping: ContainerShipping;
}

const NO_BYTES = Buffer.alloc(0);
const MAX_SENDERS = 10_000;

/**
 * What is configured for records that come whole, from somebody who has sent them: taking messages apart, and, for what is
 * shipped, leaving out and redacting. There are no lines to be understood or joined: a record is what its sender says it is.
 */
export class EventPipeline {
  readonly #plans: RecordPlans;
  readonly #rules: ShippingRules;
  readonly #maxSenders: number;
  /** By `path` of their source, those that were heard of last at the end. */
  readonly #senders = new Map<string, Sender>();
  readonly #counters: EventCounters = { unparsedLines: 0, badTimes: 0, unknownNames: 0 };

  /** @throws RegExpSyntaxError, TimeFormatError */
  constructor(options: EventPipelineOptions) {
    this.#plans = new RecordPlans(options, () => this.#counters.unknownNames++);
    this.#rules = new ShippingRules(options.shipping);
    this.#maxSenders = options.maxSenders ?? MAX_SENDERS;
  }

  get counters(): Readonly<EventCounters> {
    return this.#counters;
  }

  /** What was not shipped, and what was taken out. */
  get shippingCounters(): ShippingCounters {
    return this.#rules.counters;
  }

  /**
   * Takes the messages of records apart. Records without a message stay as they are.
   * @param source whose `path` tells its senders apart, each of which may write at the configured rate
   */
  parse(source: LogSource, records: RecordBatch, nowMs: number): void {
    const { plan, names } = this.#senderOf(source);
    const { parsers } = plan;
    if (parsers === null) return;
    for (let row = 0; row < records.count; row++) {
      if (records.starts[row] === records.ends[row]) continue;
      const parser = parsers[records.streams[row]!];
      parser?.applyBeside(records, row, nowMs, this.#counters, names);
    }
  }

  /** Whether {@link ship} may make something else of records than they are. */
  changes(source: LogSource): boolean {
    const { plan, shipping } = this.#senderOf(source);
    return this.#rules.redactor !== null || shipping.mayDrop(plan.isExcluded);
  }

  /**
   * Leaves out what is not to be shipped, of the records themselves, and takes out what nobody should read.
   * @param unpack makes text or JSON of a field that came packed, so that secrets in it are found
   */
  ship(source: LogSource, records: RecordBatch, nowMs: number, unpack: Unpack): RecordBatch {
    const { plan, shipping } = this.#senderOf(source);
    if (this.#rules.redactor !== null) unpackFields(records, unpack);
    return shipping.ship(records, plan.isExcluded, nowMs);
  }

  /** Records that tell of others that are missing, of senders from whom nothing has come since. */
  news(nowMs: number): (readonly [LogSource, RecordBatch])[] {
    const told: (readonly [LogSource, RecordBatch])[] = [];
    for (const { source, plan, shipping } of this.#senders.values()) {
      if (!shipping.hasNews(nowMs)) continue;
      told.push([source, shipping.ship(new RecordBatch(NO_BYTES, 1), plan.isExcluded, nowMs)]);
    }
    return told;
  }

  #senderOf(source: LogSource): Sender {
    const known = this.#senders.get(source.path);
    this.#senders.delete(source.path);
    if (known?.source === source) {
      this.#senders.set(source.path, known);
      return known;
    }
    const plan = this.#plans.of(source);
    const sender: Sender = {
      source,
      plan,
      names: Object.keys(source.attributes).map((name) => new TextEncoder().encode(name)),
      // A sender that may choose its times would have a rate for each of them.
      shipping: known?.shipping ?? new ContainerShipping(this.#rules, true),
    };
    sender.shipping.setRate(plan.rateLimit);
    if (this.#senders.size >= this.#maxSenders) {
      const [oldest] = this.#senders.keys();
      if (oldest !== undefined) this.#senders.delete(oldest);
    }
    this.#senders.set(source.path, sender);
    return sender;
  }
}

function unpackFields(records: RecordBatch, unpack: Unpack): void {
  const { fields } = records;
  if (fields === null) return;
  for (let row = 0; row < records.count; row++) {
    const first = fields.first[row]!;
    for (let index = first; index < first + fields.counts[row]!; index++) {
      if (fields.kinds[index] === PACKED_FIELD) unpack(records, index);
    }
  }
}
