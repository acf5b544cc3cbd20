import { formatRfc3339 } from '#libs/calendar';
import type { Lease } from './objects/cluster.ts';

export interface LeaseElectionOptions {
  /** Who this is; unique among those that stand for election. */
  readonly identity: string;
  readonly namespace: string;
  readonly name: string;
  /** How long a holder that says nothing is believed to be alive. */
  readonly leaseDurationMs: number;
  /** How often a holder renews; everybody else looks as often. */
  readonly retryMs: number;
  /** How far the holder has come, which whoever comes next is told; '' for nothing to tell. Asked while it holds the lease. */
  readonly position: () => string;
}

/** What the lease says of how far its holder has come. */
const POSITION = 'binnacle.dev/events-resource-version';

/** Defaults of the times: as Kubernetes's own controllers have them. */
export const LEASE_TIMES = { leaseDurationMs: 15_000, retryMs: 2_000 } as const;

/** A lease as it is written. */
export type LeaseBody = Readonly<Record<string, unknown>>;

/** What a candidate does about the lease it has just read. */
export type LeaseStep =
  | { readonly kind: 'create'; readonly body: LeaseBody }
  | { readonly kind: 'update'; readonly body: LeaseBody }
  /** Somebody else holds it. */
  | { readonly kind: 'follow'; readonly holder: string };

/**
 * Who of many does what only one should: the holder of a Lease. Clocks of different machines are never compared; a lease
 * is over when it has not changed for its duration on one's own clock.
 */
export class LeaseElection {
  readonly #options: LeaseElectionOptions;
  #seenVersion = '';
  #seenAtMs = 0;
  #seenDurationMs = 0;
  #heldUntilMs = Number.NEGATIVE_INFINITY;
  #holder = '';
  #predecessorMs = Number.NaN;
  #handedOver = '';

  constructor(options: LeaseElectionOptions) {
    this.#options = options;
  }

  /** The last holder known, '' for none. */
  get holder(): string {
    return this.#holder;
  }

  /** How far whoever held the lease before had come when that was last written; '' where nobody has told. */
  get handedOver(): string {
    return this.#handedOver;
  }

  /** When somebody else last said that he holds the lease, or gave it back, by his own clock; NaN where nobody did. */
  get predecessorMs(): number {
    return this.#predecessorMs;
  }

  /** Whether this one may act: it holds the lease, and has renewed it recently enough that nobody else can have it. */
  leads(nowMs: number): boolean {
    return nowMs < this.#heldUntilMs;
  }

  /** What to do, having read the lease at `nowMs`; null for one that does not exist. */
  decide(lease: Lease | null, nowMs: number): LeaseStep {
    const { identity } = this.#options;
    if (lease === null) {
      this.#holder = '';
      return { kind: 'create', body: this.#body(null, identity, nowMs) };
    }
    const { metadata, spec } = lease;
    this.#holder = spec.holderIdentity;
    if (spec.holderIdentity !== identity) {
      this.#predecessorMs = spec.renewTime ?? Number.NaN;
      this.#handedOver = metadata.annotations.get(POSITION) ?? '';
    }
    if (metadata.resourceVersion !== this.#seenVersion) {
      this.#seenVersion = metadata.resourceVersion;
      this.#seenAtMs = nowMs;
      this.#seenDurationMs = spec.leaseDurationSeconds * 1_000;
    }
    const isOver = nowMs >= this.#seenAtMs + this.#seenDurationMs;
    if (spec.holderIdentity === identity || spec.holderIdentity === '' || isOver) {
      return { kind: 'update', body: this.#body(lease, identity, nowMs) };
    }
    this.#heldUntilMs = Number.NEGATIVE_INFINITY;
    return { kind: 'follow', holder: spec.holderIdentity };
  }

  /**
   * A create or update went through.
   * @param askedAtMs when the request was sent: from then on the duration counts, not from its answer
   */
  written(lease: Lease, askedAtMs: number): void {
    const { identity, leaseDurationMs } = this.#options;
    this.#holder = lease.spec.holderIdentity;
    this.#seenVersion = lease.metadata.resourceVersion;
    this.#seenAtMs = askedAtMs;
    this.#seenDurationMs = leaseDurationMs;
    // Two thirds: done before anybody else may begin.
    const isOurs = this.#holder === identity;
    this.#heldUntilMs = isOurs ? askedAtMs + (leaseDurationMs * 2) / 3 : Number.NEGATIVE_INFINITY;
  }

  /** This one's term is over, as far as it has come; another may follow without anybody between. */
  ceased(): void {
    this.#handedOver = this.#options.position();
  }

  /** Somebody else was quicker. */
  lost(): void {
    this.#heldUntilMs = Number.NEGATIVE_INFINITY;
  }

  /** The lease without a holder, so that the next one need not wait. */
  release(lease: Lease, nowMs: number): LeaseBody {
    this.lost();
    return this.#body(lease, '', nowMs);
  }

  #body(lease: Lease | null, holder: string, nowMs: number): LeaseBody {
    const { namespace, name, leaseDurationMs } = this.#options;
    const isSame = lease !== null && lease.spec.holderIdentity === holder;
    const acquiredMs = isSame ? (lease.spec.acquireTime ?? nowMs) : nowMs;
    const { labels = new Map(), annotations = new Map() } = lease?.metadata ?? {};
    // Who has just come knows no more than who was there before.
    const position = holder === '' || isSame ? this.#options.position() : this.#handedOver;
    const others = [...annotations].filter(([key]) => key !== POSITION);
    const transitions = (lease?.spec.leaseTransitions ?? 0) + (isSame || lease === null ? 0 : 1);
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        name,
        namespace,
        labels: Object.fromEntries(labels),
        annotations: Object.fromEntries([
          ...others,
          ...(position === '' ? [] : [[POSITION, position] as const]),
        ]),
        ...(lease !== null && { resourceVersion: lease.metadata.resourceVersion }),
      },
      spec: {
        holderIdentity: holder,
        leaseDurationSeconds: Math.max(1, Math.round(leaseDurationMs / 1_000)),
        acquireTime: microTime(acquiredMs),
        renewTime: microTime(nowMs),
        leaseTransitions: transitions,
      },
    };
  }
}

/** The API takes six digits of a second here, and no others. */
function microTime(timeMs: number): string {
  const whole = formatRfc3339(Math.floor(timeMs / 1_000) * 1_000);
  const micros = String(Math.floor(timeMs % 1_000))
    .padStart(3, '0')
    .padEnd(6, '0');
  return whole.replace('Z', `.${micros}Z`);
}
