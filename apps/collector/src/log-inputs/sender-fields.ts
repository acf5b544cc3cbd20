import {
  type LogSource,
  type PodMetadata,
  type SenderPod,
  senderSourceOf,
} from '#libs/log-pipeline';
import type { LogIntake } from '../logs/log-intake.ts';

const MAX_SENDERS = 10_000;
/** Longer ones are no names of anything in Kubernetes. */
const MAX_NAME_LENGTH = 253;
const NOTHING: ToldBySender = { podUid: '', namespace: '', pod: '', container: '', workload: '' };

/** What a sender says of whom its records are; texts are empty where it does not. */
export interface ToldBySender {
  /** Counts where the address leaves it open, and from those that send for others. */
  readonly podUid: string;
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly workload: string;
}

/** Who the records are of. */
export interface Sender extends SenderPod {
  readonly source: LogSource;
}

interface Known {
  readonly pod: PodMetadata | null;
  readonly source: LogSource;
}

/** What records of a sender have in common: the input's labels, its address, and what is known of its pod. */
export class SenderFields {
  readonly #labels: Readonly<Record<string, string>>;
  readonly #intake: LogIntake;
  readonly #isForwarder: (address: string) => boolean;
  readonly #known = new Map<string, Known>();

  /** @param isForwarder whether who sends from an address may speak for others; by default nobody */
  constructor(
    labels: Readonly<Record<string, string>>,
    intake: LogIntake,
    isForwarder: (address: string) => boolean = () => false,
  ) {
    this.#labels = labels;
    this.#intake = intake;
    this.#isForwarder = isForwarder;
  }

  /** The pod that a sender is, or is to be taken for. */
  podOf(address: string, podUid: string): SenderPod {
    const claim = { address, podUid, isForwarder: this.#isForwarder(address) };
    return this.#intake.pods?.findSender(claim) ?? { pod: null, isContradicted: false };
  }

  /** @param address where the records come from; empty where that is this machine itself */
  of(address: string, told: ToldBySender = NOTHING): Sender {
    const { pods } = this.#intake;
    const sender = this.podOf(address, told.podUid);
    const { pod } = sender;
    const own = {
      namespace: pod === null ? nameOf(told.namespace) : '',
      pod: pod === null ? nameOf(told.pod) : '',
      container: nameOf(told.container),
      workload: pod === null ? nameOf(told.workload) : '',
    };
    const key = [address, pod?.uid ?? '', ...Object.values(own)].join(' ');
    const known = this.#known.get(key);
    // A change of a pod makes a new object.
    if (known !== undefined && known.pod === pod) return { ...sender, source: known.source };
    const fields: Record<string, string> = address === '' ? {} : { source: address };
    const source = senderSourceOf(
      { key, fields, pod, told: own },
      this.#labels,
      pods?.fields ?? { labels: [], annotations: [] },
    );
    if (this.#known.size >= MAX_SENDERS) this.#known.clear();
    this.#known.set(key, { pod, source });
    return { ...sender, source };
  }
}

function nameOf(told: string): string {
  return told.length > MAX_NAME_LENGTH ? '' : told;
}
