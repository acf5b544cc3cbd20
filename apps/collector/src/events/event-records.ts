import { eventOccurrences, type KubeEvent } from '#libs/kube';
import { LOG_LEVELS, type LogSource, senderSourceOf } from '#libs/log-pipeline';
import { IntakeBatch, IntakeRefusal, type LogIntake } from '../logs/log-intake.ts';
import { RecordBuilder } from '../logs/record-builder.ts';
import type { EventMetrics } from './event-metrics.ts';

/** What the tags of events end in. */
const INPUT = 'kubernetes-events';
const FLUSH_MS = 200;
/** Of records that wait; a cluster in trouble makes a thousand events a second. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

/** Whose records have something in common that is known. */
const MAX_NAMESPACES = 1_000;

const INFO = LOG_LEVELS.indexOf('info');
const WARN = LOG_LEVELS.indexOf('warn');

/**
 * Events as records on their way to the log outputs, each with how often it has happened since it was told last. What the
 * outputs do not take is left out and counted: an event is a notice, and its counter has it.
 */
export class EventRecords {
  readonly #intake: LogIntake;
  readonly #metrics: EventMetrics;
  /** By namespace, whose rules may be others. */
  readonly #sources = new Map<string, LogSource>();
  #builder = new RecordBuilder();
  #timer: NodeJS.Timeout | null = null;
  #giving: Promise<void> = Promise.resolve();
  #givingBytes = 0;

  constructor(intake: LogIntake, metrics: EventMetrics) {
    this.#intake = intake;
    this.#metrics = metrics;
  }

  add(event: KubeEvent, times: number): void {
    if (this.#builder.byteCount + this.#givingBytes > MAX_WAITING_BYTES) {
      this.#metrics.recordsDropped(1);
      return;
    }
    const { lastMs } = eventOccurrences(event);
    const { involvedObject: object, source, reportingComponent } = event;
    const builder = this.#builder;
    const about = this.#sourceOf(object.namespace);
    builder.begin(about, Math.floor(lastMs / 1_000), (lastMs % 1_000) * 1_000_000, Date.now());
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

  #sourceOf(namespace: string): LogSource {
    let source = this.#sources.get(namespace);
    if (source === undefined) {
      source = senderSourceOf(
        {
          key: namespace,
          fields: { source: INPUT },
          pod: null,
          told: { namespace, pod: '', container: '', workload: '' },
        },
        {},
        { labels: [], annotations: [] },
      );
      if (this.#sources.size >= MAX_NAMESPACES) this.#sources.clear();
      this.#sources.set(namespace, source);
    }
    return source;
  }

  #flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#builder.count === 0) return;
    const batch = new IntakeBatch(INPUT, null, this.#builder);
    const { count, byteCount } = batch;
    this.#builder = new RecordBuilder();
    this.#givingBytes += byteCount;
    // One behind the other, so that they come in order.
    this.#giving = this.#giving
      .then(() => this.#intake.take(batch))
      .then(() => this.#metrics.recordsTaken(count))
      .catch((error: unknown) => {
        if (!(error instanceof IntakeRefusal)) throw error;
        this.#metrics.recordsDropped(count);
      })
      .finally(() => {
        this.#givingBytes -= byteCount;
      });
  }
}
