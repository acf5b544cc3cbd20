import { type LogSource, type PodMetadata, senderSourceOf } from '#libs/log-pipeline';
import type { LogIntake } from '../logs/log-intake.ts';

const MAX_SENDERS = 10_000;
/** Longer ones are no names of anything in Kubernetes. */
const MAX_NAME_LENGTH = 253;
const NOTHING: ToldBySender = { podUid: '', namespace: '', pod: '', container: '', workload: '' };

/** What a sender says of whom its records are; texts are empty where it does not. */
export interface ToldBySender {
  /** Goes before the address, since some send for others. */
  readonly podUid: string;
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly workload: string;
}

interface Known {
  readonly pod: PodMetadata | null;
  readonly source: LogSource;
}

/** What records of a sender have in common: the input's labels, its address, and what is known of its pod. */
export class SenderFields {
  readonly #labels: Readonly<Record<string, string>>;
  readonly #intake: LogIntake;
  readonly #known = new Map<string, Known>();

  constructor(labels: Readonly<Record<string, string>>, intake: LogIntake) {
    this.#labels = labels;
    this.#intake = intake;
  }

  /** @param address where the records come from; empty where that is this machine itself */
  of(address: string, told: ToldBySender = NOTHING): LogSource {
    const { pods } = this.#intake;
    const named = told.podUid === '' ? null : pods?.findByUid(told.podUid);
    const pod = named ?? pods?.findByAddress(address) ?? null;
    const own = {
      namespace: pod === null ? nameOf(told.namespace) : '',
      pod: pod === null ? nameOf(told.pod) : '',
      container: nameOf(told.container),
      workload: pod === null ? nameOf(told.workload) : '',
    };
    const key = [address, pod?.uid ?? '', ...Object.values(own)].join(' ');
    const known = this.#known.get(key);
    // A change of a pod makes a new object.
    if (known !== undefined && known.pod === pod) return known.source;
    const fields: Record<string, string> = address === '' ? {} : { source: address };
    const source = senderSourceOf(
      { key, fields, pod, told: own },
      this.#labels,
      pods?.fields ?? { labels: [], annotations: [] },
    );
    if (this.#known.size >= MAX_SENDERS) this.#known.clear();
    this.#known.set(key, { pod, source });
    return source;
  }
}

function nameOf(told: string): string {
  return told.length > MAX_NAME_LENGTH ? '' : told;
}
