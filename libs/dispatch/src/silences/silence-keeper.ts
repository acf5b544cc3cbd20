import { formatRfc3339 } from '#libs/calendar';
import { Labels, matchesAll } from '#libs/labels';
import { type Alert, type IncomingAlert, isResolved } from '../alert.ts';
import { formatMatchers } from '../matchers/parse-matchers.ts';
import { nextOccurrence } from './next-occurrence.ts';
import {
  type PostedSilence,
  type Silence,
  type SilenceChange,
  SilenceError,
  silenceState,
} from './silence.ts';
import { endOf, type SilenceBook, type SilencePlan } from './silence-book.ts';
import { NOTICE_LABEL } from './silence-index.ts';
import { readSilenceTerms, SILENCE_TERMS, type SilenceTerms } from './silence-terms.ts';

/** The alert that tells of a silence that is about to end. */
export const SILENCE_NOTICE_ALERT = 'SilenceEnding';

/** What is to be done at an instant: changes to disk and commit them, then tell the dispatcher of the notices. */
export interface SilenceUpkeep {
  readonly changes: readonly SilenceChange[];
  readonly notices: readonly IncomingAlert[];
  /** When to ask again, at the latest; null for not before something happens. */
  readonly wakeUpMs: number | null;
}

/** The alerts that are known. */
export interface KnownAlerts {
  alerts(): Iterable<Alert>;
  /** Null for one that is not known. */
  alert(fingerprint: string): Alert | null;
}

const SWEEP_INTERVAL_MS = 15 * 60_000;

/**
 * Does what time and alerts do to silences: acknowledgements end with their alerts, recurring ones come again, people are
 * told before one ends, and what ended long ago is removed. It reads no clock and changes nothing by itself.
 */
export class SilenceKeeper {
  readonly #book: SilenceBook;
  readonly #known: KnownAlerts;
  readonly #retentionMs: number;
  /** A firing alert that an acknowledgement was last seen to match, by the silence's id. */
  readonly #witnesses = new Map<string, string>();
  /** The end that people were told of, by the silence's id. */
  readonly #noticed = new Map<string, number>();
  readonly #terms = new WeakMap<Silence, SilenceTerms>();
  #nextSweepMs = Number.NEGATIVE_INFINITY;

  /** @param retentionMs how long a silence is kept after its end */
  constructor(book: SilenceBook, known: KnownAlerts, retentionMs: number) {
    this.#book = book;
    this.#known = known;
    this.#retentionMs = retentionMs;
  }

  /** {@link SilenceBook.planPut}; an acknowledgement of nothing is refused. @throws SilenceError */
  planPut(posted: PostedSilence, nowMs: number, newId: string): SilencePlan {
    const plan = this.#book.planPut(posted, nowMs, newId);
    const silence = plan.changes.at(-1)?.silence ?? null;
    if (silence !== null && readSilenceTerms(silence).endsWithAlerts) {
      if (this.#findWitness(silence, nowMs) === null) {
        throw new SilenceError(
          'invalid',
          'invalid silence: it is to end with its alerts, and no alert that fires matches it',
        );
      }
    }
    return plan;
  }

  /**
   * The alerts that fire and that this plan, once committed, is the first to hold back: those that somebody has now taken
   * notice of. None for a silence that begins later.
   */
  takenUpBy(plan: SilencePlan, nowMs: number): readonly Alert[] {
    const silence = plan.changes.at(-1)?.silence ?? null;
    if (silence === null || silenceState(silence, nowMs) !== 'active') return [];
    const taken: Alert[] = [];
    for (const alert of this.#known.alerts()) {
      const { labels } = alert;
      if (isResolved(alert, nowMs) || labels.has(NOTICE_LABEL)) continue;
      if (matchesAll(labels, silence.matchers) && !this.#book.holdsBack(labels, nowMs)) {
        taken.push(alert);
      }
    }
    return taken;
  }

  /** What is due. @param newId gives a fresh UUID each time */
  upkeep(nowMs: number, newId: () => string): SilenceUpkeep {
    const changes: SilenceChange[] = [];
    const notices: IncomingAlert[] = [];
    const isSweep = nowMs >= this.#nextSweepMs;
    if (isSweep) this.#nextSweepMs = nowMs + SWEEP_INTERVAL_MS;
    let wakeUpMs: number | null = null;
    const wakeAt = (atMs: number): void => {
      if (wakeUpMs === null || atMs < wakeUpMs) wakeUpMs = atMs;
    };
    for (const silence of this.#book.all()) {
      const terms = silence.annotations.size === 0 ? NO_TERMS : this.#termsOf(silence);
      const isOld = silence.endsAtMs + this.#retentionMs <= nowMs;
      if (isSweep && isOld && terms.recurrence === null) {
        this.#noticed.delete(silence.id);
        changes.push({ id: silence.id, silence: null });
        continue;
      }
      if (terms === NO_TERMS) continue;
      changes.push(...this.#acknowledged(silence, terms, nowMs, wakeAt));
      changes.push(...recurring(silence, terms, nowMs, newId, wakeAt));
      notices.push(...this.#noticesOf(silence, terms, nowMs, wakeAt));
    }
    if (this.#book.size > 0) wakeAt(this.#nextSweepMs);
    return { changes, notices, wakeUpMs };
  }

  #acknowledged(
    silence: Silence,
    { endsWithAlerts }: SilenceTerms,
    nowMs: number,
    wakeAt: (atMs: number) => void,
  ): readonly SilenceChange[] {
    if (!endsWithAlerts || silenceState(silence, nowMs) !== 'active') {
      this.#witnesses.delete(silence.id);
      return [];
    }
    const witness = this.#findWitness(silence, nowMs);
    if (witness === null) return endOf(silence, nowMs);
    wakeAt(witness.endsAtMs);
    return [];
  }

  /** A firing alert that the silence matches; as long as it may be, the same as the last time. */
  #findWitness(silence: Silence, nowMs: number): Alert | null {
    const isOne = (alert: Alert): boolean =>
      !isResolved(alert, nowMs) &&
      alert.labels.get(NOTICE_LABEL) !== silence.id &&
      matchesAll(alert.labels, silence.matchers);
    const last = this.#known.alert(this.#witnesses.get(silence.id) ?? '');
    if (last !== null && isOne(last)) return last;
    for (const alert of this.#known.alerts()) {
      if (!isOne(alert)) continue;
      this.#witnesses.set(silence.id, alert.fingerprint);
      return alert;
    }
    return null;
  }

  #noticesOf(
    silence: Silence,
    { noticeMs }: SilenceTerms,
    nowMs: number,
    wakeAt: (atMs: number) => void,
  ): readonly IncomingAlert[] {
    const toldMs = this.#noticed.get(silence.id) ?? null;
    const isActive = silenceState(silence, nowMs) === 'active';
    const fromMs = isActive && noticeMs !== null ? silence.endsAtMs - noticeMs : Infinity;
    if (nowMs < fromMs) {
      if (Number.isFinite(fromMs)) wakeAt(fromMs);
      this.#noticed.delete(silence.id);
      // It ended earlier, or ends later now: what was said is over.
      return toldMs !== null && nowMs < toldMs ? [noticeOf(silence, nowMs, nowMs)] : [];
    }
    if (toldMs === silence.endsAtMs || this.#findWitness(silence, nowMs) === null) return [];
    this.#noticed.set(silence.id, silence.endsAtMs);
    return [noticeOf(silence, silence.endsAtMs, nowMs)];
  }

  /** Terms were checked when the silence was taken; those that only another version can read count as none. */
  #termsOf(silence: Silence): SilenceTerms {
    let terms = this.#terms.get(silence);
    if (terms === undefined) {
      try {
        terms = readSilenceTerms(silence);
      } catch (error) {
        if (!(error instanceof SilenceError)) throw error;
        terms = NO_TERMS;
      }
      this.#terms.set(silence, terms);
    }
    return terms;
  }
}

const NO_TERMS: SilenceTerms = { endsWithAlerts: false, noticeMs: null, recurrence: null };

/** An occurrence that is over makes place for the next one, in one change with it. */
function recurring(
  silence: Silence,
  { recurrence }: SilenceTerms,
  nowMs: number,
  newId: () => string,
  wakeAt: (atMs: number) => void,
): readonly SilenceChange[] {
  if (recurrence === null) return [];
  if (nowMs < silence.endsAtMs) {
    wakeAt(silence.endsAtMs);
    return [];
  }
  const over = {
    ...silence,
    annotations: silence.annotations.with(SILENCE_TERMS.repeats, ''),
  };
  const changes: SilenceChange[] = [{ id: silence.id, silence: over }];
  // One that somebody ended does not come again: its end is then the moment of its last change.
  const wasEnded = silence.updatedAtMs === silence.endsAtMs;
  const next = wasEnded ? null : nextOccurrence(silence, recurrence, nowMs);
  if (next !== null) {
    const id = newId();
    changes.push({ id, silence: { ...silence, ...next, id, updatedAtMs: nowMs } });
    wakeAt(next.endsAtMs);
  }
  return changes;
}

/** It carries the labels that the silence names, so that it takes the same way as the alerts that are held back. */
function noticeOf(silence: Silence, endsAtMs: number, nowMs: number): IncomingAlert {
  const named = silence.matchers.filter(({ kind, value }) => kind === '=' && value !== '');
  const record = new Map(named.map(({ name, value }) => [name, value]));
  record.set('alertname', SILENCE_NOTICE_ALERT);
  record.set(NOTICE_LABEL, silence.id);
  const what = formatMatchers(silence.matchers);
  const until = formatRfc3339(silence.endsAtMs);
  return {
    labels: Labels.fromPairs(record),
    annotations: Labels.fromRecord({
      summary: `The silence ${what} ends at ${until} and what it holds back still fires`,
      description: `Made by ${silence.createdBy}: ${silence.comment}`,
    }),
    startsAtMs: Math.min(nowMs, endsAtMs),
    endsAtMs,
    generatorUrl: '',
  };
}
