import { eventOccurrences, type KubeEvent } from '#libs/kube';
import { LOG_LEVELS } from '#libs/log-pipeline';
import { CommonFields, EntryBuilder } from '../logs/entry-builder.ts';
import { IntakeRefusal, type LogIntake } from '../logs/log-intake.ts';
import type { EventMetrics } from './event-metrics.ts';

/** What the tags of events end in. */
const INPUT = 'kubernetes-events';
const FLUSH_MS = 200;
/** Of records that wait; a cluster in trouble makes a thousand events a second. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

const INFO = LOG_LEVELS.indexOf('info');
const WARN = LOG_LEVELS.indexOf('warn');

/**
 * Events as records on their way to the log outputs, each with how often it has happened since it was told last. What the
 * outputs do not take is left out and counted: an event is a notice, and its counter has it.
 */
export class EventRecords {
  readonly #intake: LogIntake;
  readonly #metrics: EventMetrics;
  readonly #common: CommonFields;
  #builder: EntryBuilder;
  #timer: NodeJS.Timeout | null = null;
  #giving: Promise<void> = Promise.resolve();
  #givingBytes = 0;

  constructor(intake: LogIntake, metrics: EventMetrics) {
    this.#intake = intake;
    this.#metrics = metrics;
    this.#common = new CommonFields({ source: INPUT });
    this.#builder = new EntryBuilder(this.#common);
  }

  add(event: KubeEvent, times: number): void {
    if (this.#builder.byteCount + this.#givingBytes > MAX_WAITING_BYTES) {
      this.#metrics.recordsDropped(1);
      return;
    }
    const { lastMs } = eventOccurrences(event);
    const { involvedObject: object, source, reportingComponent } = event;
    const builder = this.#builder;
    builder.begin(Math.floor(lastMs / 1_000), (lastMs % 1_000) * 1_000_000, Date.now());
    builder.level(event.type === 'Warning' ? WARN : INFO);
    builder.field('reason', event.reason);
    builder.field('type', event.type);
    builder.field('kind', object.kind);
    builder.field('namespace', object.namespace);
    builder.field('name', object.name);
    builder.field('field_path', object.fieldPath);
    builder.field('component', source.component === '' ? reportingComponent : source.component);
    builder.field('node', source.host);
    builder.field('count', times);
    builder.message(Buffer.from(event.message));
    builder.end();
    this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS);
  }

  /** Hands over what there is. */
  async stop(): Promise<void> {
    this.#flush();
    await this.#giving;
  }

  #flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const { count } = this.#builder;
    if (count === 0) return;
    const entries = this.#builder.take();
    this.#builder = new EntryBuilder(this.#common);
    this.#givingBytes += entries.length;
    // One behind the other, so that they come in order.
    this.#giving = this.#giving
      .then(() => this.#intake.take({ input: INPUT, tag: null, entries, count }))
      .then(() => this.#metrics.recordsTaken(count))
      .catch((error: unknown) => {
        if (!(error instanceof IntakeRefusal)) throw error;
        this.#metrics.recordsDropped(count);
      })
      .finally(() => {
        this.#givingBytes -= entries.length;
      });
  }
}
