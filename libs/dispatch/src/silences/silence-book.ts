import { isValidUtf8Name, Labels, type Matcher } from '#libs/labels';
import {
  type PostedSilence,
  type Silence,
  type SilenceChange,
  SilenceError,
  silenceState,
} from './silence.ts';
import { encodeSilence } from './silence-codec.ts';
import { SilenceIndex } from './silence-index.ts';
import { readSilenceTerms } from './silence-terms.ts';

export interface SilenceLimits {
  /** Most silences kept, those that have ended included. */
  readonly maxSilences: number;
  /** Most bytes of one silence, as it is written to disk. */
  readonly maxSilenceBytes: number;
}

export const DEFAULT_SILENCE_LIMITS: SilenceLimits = {
  maxSilences: 10_000,
  maxSilenceBytes: 64 * 1024,
};

/** What has to be done so that a silence is as a client wants it. */
export interface SilencePlan {
  /** The silence's id; another than was asked for where the old one could not be changed in place. */
  readonly id: string;
  readonly changes: readonly SilenceChange[];
}

/**
 * All silences. A change is planned, written to disk by whoever asked for it, and then committed: so a silence that could
 * not be kept never is in force. Plans are made one after the other, each on what the one before has committed.
 */
export class SilenceBook {
  readonly #limits: SilenceLimits;
  readonly #silences = new Map<string, Silence>();
  readonly #index = new SilenceIndex();
  #version = 0;

  constructor(limits: SilenceLimits = DEFAULT_SILENCE_LIMITS) {
    this.#limits = limits;
  }

  /** Another number after each change. */
  get version(): number {
    return this.#version;
  }

  get size(): number {
    return this.#silences.size;
  }

  get(id: string): Silence | null {
    return this.#silences.get(id) ?? null;
  }

  /** Those that have ended are among them until they are removed. */
  all(): IterableIterator<Silence> {
    return this.#silences.values();
  }

  /**
   * As Alertmanager does it: a silence is changed in place if its matchers stay and nothing of its past would change;
   * otherwise the old one ends and a new one takes its place.
   * @param newId a fresh UUID
   * @throws SilenceError
   */
  planPut(posted: PostedSilence, nowMs: number, newId: string): SilencePlan {
    checkContent(posted, nowMs);
    const known = posted.id === null ? null : this.get(posted.id);
    if (posted.id !== null && known === null) {
      throw new SilenceError('not-found', 'silence not found');
    }
    const inPlace = known !== null && canChange(known, posted, nowMs);
    const silence: Silence = {
      id: inPlace ? known.id : newId,
      matchers: posted.matchers,
      startsAtMs: inPlace ? posted.startsAtMs : Math.max(posted.startsAtMs, nowMs),
      endsAtMs: posted.endsAtMs,
      updatedAtMs: nowMs,
      createdBy: posted.createdBy,
      comment: posted.comment,
      annotations: posted.annotations ?? known?.annotations ?? Labels.EMPTY,
    };
    readSilenceTerms(silence);
    this.#checkLimits(silence, inPlace);
    const ended = inPlace || known === null ? [] : endOf(known, nowMs);
    return { id: silence.id, changes: [...ended, { id: silence.id, silence }] };
  }

  /** Ends a silence now; one that has ended is left as it is. @throws SilenceError for an unknown one */
  planExpiry(id: string, nowMs: number): readonly SilenceChange[] {
    const silence = this.get(id);
    if (silence === null) throw new SilenceError('not-found', 'silence not found');
    return endOf(silence, nowMs);
  }

  /** Puts into force what has been written. */
  commit(changes: Iterable<SilenceChange>): void {
    this.#version++;
    for (const { id, silence } of changes) {
      const known = this.#silences.get(id);
      if (known !== undefined) this.#index.remove(known);
      if (silence === null) {
        this.#silences.delete(id);
      } else {
        this.#silences.set(id, silence);
        this.#index.add(silence);
      }
    }
  }

  /** Whether any silence holds back an alert with these labels at `nowMs`. */
  holdsBack(labels: Labels, nowMs: number): boolean {
    return this.#index.some(labels, nowMs, () => true);
  }

  /** The silences that hold back an alert with these labels at `nowMs`, by id. */
  holding(labels: Labels, nowMs: number): readonly Silence[] {
    const found: Silence[] = [];
    this.#index.some(labels, nowMs, (silence) => {
      found.push(silence);
      return false;
    });
    return found.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  #checkLimits(silence: Silence, inPlace: boolean): void {
    const { maxSilences, maxSilenceBytes } = this.#limits;
    if (!inPlace && this.#silences.size >= maxSilences) {
      throw new SilenceError(
        'limit',
        `exceeded maximum number of silences: ${this.#silences.size} (limit: ${maxSilences})`,
      );
    }
    const bytes = Buffer.byteLength(encodeSilence(silence));
    if (bytes > maxSilenceBytes) {
      throw new SilenceError(
        'limit',
        `silence exceeded maximum size: ${bytes} bytes (limit: ${maxSilenceBytes} bytes)`,
      );
    }
  }
}

/** The change that ends a silence; none for one that has ended. A pending one never comes into force. */
export function endOf(silence: Silence, nowMs: number): readonly SilenceChange[] {
  if (silenceState(silence, nowMs) === 'expired') return [];
  const startsAtMs = Math.min(silence.startsAtMs, nowMs);
  const ended = { ...silence, startsAtMs, endsAtMs: nowMs, updatedAtMs: nowMs };
  return [{ id: silence.id, silence: ended }];
}

function canChange(known: Silence, posted: PostedSilence, nowMs: number): boolean {
  if (!hasSameMatchers(known.matchers, posted.matchers)) return false;
  switch (silenceState(known, nowMs)) {
    case 'expired':
      return false;
    case 'pending':
      return posted.startsAtMs >= nowMs;
    case 'active':
      // To the second: some clients have no milliseconds.
      return Math.floor(posted.startsAtMs / 1_000) === Math.floor(known.startsAtMs / 1_000);
  }
}

function hasSameMatchers(left: readonly Matcher[], right: readonly Matcher[]): boolean {
  return left.length === right.length && left.every((one, i) => one.key === right[i]!.key);
}

function checkContent(posted: PostedSilence, nowMs: number): void {
  const { matchers, startsAtMs, endsAtMs } = posted;
  if (matchers.length === 0) {
    throw new SilenceError('invalid', 'invalid silence: at least one matcher required');
  }
  for (const { name, value } of matchers) {
    if (!isValidUtf8Name(name)) {
      throw new SilenceError(
        'invalid',
        `invalid silence: invalid label name ${JSON.stringify(name)}`,
      );
    }
    if (!value.isWellFormed()) {
      throw new SilenceError(
        'invalid',
        `invalid silence: the value of ${JSON.stringify(name)} is no text`,
      );
    }
  }
  if (matchers.every((matcher) => matcher.matchesEmpty)) {
    throw new SilenceError(
      'invalid',
      'invalid silence: at least one matcher must not match the empty string',
    );
  }
  if (endsAtMs <= startsAtMs) {
    throw new SilenceError(
      'invalid',
      'Failed to create silence: start time must be before end time',
    );
  }
  if (endsAtMs < nowMs) {
    throw new SilenceError('invalid', "Failed to create silence: end time can't be in the past");
  }
}
