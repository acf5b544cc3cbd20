import type { Notification } from '#libs/dispatch';
import { Labels } from '#libs/labels';
import type { MessageChart } from '#libs/notify';
import type { Evidence, EvidenceLimits } from './store-evidence.ts';

/** The label of a route that says whether its messages get evidence: `true` or `false`. */
const EVIDENCE_LABEL = 'binnacle_evidence';

/** Why a message went out without evidence. */
type EvidenceGap = 'busy' | 'timeout' | 'error';

export interface EvidenceCollectorOptions {
  readonly gather: (
    notification: Notification,
    nowMs: number,
    limits: EvidenceLimits,
  ) => Promise<Evidence>;
  /** For routes that do not say. */
  readonly isDefault: boolean;
  readonly onGap: (gap: EvidenceGap, error: unknown) => void;
  readonly nowMs: () => number;
  /** Default 1,500. */
  readonly timeoutMs?: number;
}

/** A message and what goes with it. */
export interface WithEvidence {
  readonly notification: Notification;
  readonly chart: MessageChart | null;
}

const TIMEOUT_MS = 1_500;
const MAX_SAMPLES = 500_000;
/** At a time; a message does not wait for others to be looked into. */
const MAX_RUNNING = 4;
/** A group's messages to several receivers are looked into once. */
const MAX_KEPT = 20;

/**
 * Adds what the store knows to a message, where its route wants that. It takes a bounded time, and what goes wrong costs
 * the evidence and nothing else.
 */
export class EvidenceCollector {
  readonly #options: EvidenceCollectorOptions;
  readonly #kept = new Map<string, Promise<Evidence | null>>();
  #running = 0;

  constructor(options: EvidenceCollectorOptions) {
    this.#options = options;
  }

  async add(notification: Notification): Promise<WithEvidence> {
    const bare = { notification, chart: null };
    if (!this.#isWanted(notification)) return bare;
    const key = JSON.stringify([
      notification.groupKey,
      notification.createdAtMs,
      notification.alerts.length,
      notification.status,
    ]);
    let gathering = this.#kept.get(key);
    if (gathering === undefined) {
      if (this.#running >= MAX_RUNNING) {
        this.#options.onGap('busy', null);
        return bare;
      }
      gathering = this.#gather(notification);
      if (this.#kept.size >= MAX_KEPT) this.#kept.delete([...this.#kept.keys()][0]!);
      this.#kept.set(key, gathering);
    }
    const evidence = await gathering;
    return evidence === null ? bare : annotate(notification, evidence);
  }

  #isWanted({ routeLabels }: Notification): boolean {
    const said = routeLabels?.get(EVIDENCE_LABEL);
    if (said === 'true' || said === 'false') return said === 'true';
    return this.#options.isDefault;
  }

  async #gather(notification: Notification): Promise<Evidence | null> {
    const { gather, onGap, nowMs, timeoutMs = TIMEOUT_MS } = this.#options;
    const late = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const timeUp = new Promise<null>((resolve) => {
      timer = setTimeout(() => {
        late.abort();
        resolve(null);
      }, timeoutMs);
    });
    this.#running++;
    const limits = { timeoutMs, maxSamples: MAX_SAMPLES, signal: late.signal };
    const work = gather(notification, nowMs(), limits).catch((error: unknown) => {
      if (!late.signal.aborted) onGap('error', error);
      return null;
    });
    void work.finally(() => {
      this.#running--;
    });
    const evidence = await Promise.race([work, timeUp]);
    clearTimeout(timer);
    if (late.signal.aborted) onGap('timeout', null);
    return evidence;
  }
}

/** Annotations that a rule wrote stay as they are. */
function annotate(notification: Notification, { annotations, chart }: Evidence): WithEvidence {
  const alerts = notification.alerts.map((alert) => {
    const more = annotations.get(alert.fingerprint);
    if (more === undefined) return alert;
    const all = { ...more, ...alert.annotations.toRecord() };
    return { ...alert, annotations: Labels.fromRecord(all) };
  });
  return { notification: { ...notification, alerts }, chart };
}
