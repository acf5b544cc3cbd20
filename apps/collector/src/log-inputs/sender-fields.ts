import { podAttributesOf, type PodMetadata } from '#libs/log-pipeline';
import { CommonFields } from '../logs/entry-builder.ts';
import type { LogIntake } from '../logs/log-intake.ts';

const MAX_SENDERS = 10_000;

interface Known {
  readonly pod: PodMetadata | null;
  readonly common: CommonFields;
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

  /**
   * @param source where the records come from; empty where that is this machine itself
   * @param podUid as the sender tells it, who may send for others; it goes before the address
   */
  of(source: string, podUid = ''): CommonFields {
    const { pods } = this.#intake;
    const told = podUid === '' ? null : pods?.findByUid(podUid);
    const pod = told ?? pods?.findByAddress(source) ?? null;
    const key = `${source} ${pod?.uid ?? ''}`;
    const known = this.#known.get(key);
    // A change of a pod makes a new object.
    if (known !== undefined && known.pod === pod) return known.common;
    const own: Record<string, string> = source === '' ? {} : { source };
    const common = new CommonFields(
      pod === null || pods === null
        ? { ...this.#labels, ...own }
        : { ...own, ...podAttributesOf(pod, this.#labels, pods.fields) },
    );
    if (this.#known.size >= MAX_SENDERS) this.#known.clear();
    this.#known.set(key, { pod, common });
    return common;
  }
}
