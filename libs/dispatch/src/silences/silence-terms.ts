import { parseRfc3339Ms } from '#libs/calendar';
import { DurationSyntaxError, parseDurationMs } from '#libs/labels';
import { LocalClock } from '../time/local-clock.ts';
import { parseWeekdays, TimeIntervalTextError } from '../time/parse-time-interval.ts';
import type { NumberRange } from '../time/time-interval.ts';
import { type Silence, SilenceError } from './silence.ts';

/** On which days a recurring silence comes again. */
export type Recurrence =
  | { readonly kind: 'daily' }
  | { readonly kind: 'weekly' }
  | { readonly kind: 'monthly' }
  | { readonly kind: 'weekdays'; readonly ranges: readonly NumberRange[] };

/** What a silence does beyond Alertmanager's; its annotations say it. */
export interface SilenceTerms {
  /** An acknowledgement: it ends as soon as nothing fires any more that it matches. */
  readonly endsWithAlerts: boolean;
  /** How long before its end people are told that it is about to end, if it holds something back; null for not. */
  readonly noticeMs: number | null;
  readonly recurrence: {
    readonly days: Recurrence;
    /** The wall clock by which it comes again. */
    readonly clock: LocalClock;
    /** It does not come again from then on; null for no such end. */
    readonly untilMs: number | null;
  } | null;
}

/** The annotations that carry the terms. */
export const SILENCE_TERMS = {
  endsWithAlerts: 'binnacle_ends_with_alerts',
  notice: 'binnacle_notice',
  repeats: 'binnacle_repeats',
  timeZone: 'binnacle_repeats_in',
  until: 'binnacle_repeats_until',
} as const;

/** Reads the terms of a silence. @throws SilenceError naming the annotation and what it accepts */
export function readSilenceTerms({ annotations }: Pick<Silence, 'annotations'>): SilenceTerms {
  const endsWithAlerts = annotations.get(SILENCE_TERMS.endsWithAlerts);
  if (!['', 'true', 'false'].includes(endsWithAlerts)) {
    throw badTerm(SILENCE_TERMS.endsWithAlerts, 'true or false');
  }
  const notice = annotations.get(SILENCE_TERMS.notice);
  return {
    endsWithAlerts: endsWithAlerts === 'true',
    noticeMs: notice === '' ? null : readDuration(notice),
    recurrence: readRecurrence(annotations),
  };
}

function readDuration(text: string): number {
  try {
    return parseDurationMs(text);
  } catch (error) {
    if (!(error instanceof DurationSyntaxError)) throw error;
    throw badTerm(SILENCE_TERMS.notice, 'a duration such as 15m');
  }
}

function readRecurrence(annotations: Silence['annotations']): SilenceTerms['recurrence'] {
  const repeats = annotations.get(SILENCE_TERMS.repeats);
  const until = annotations.get(SILENCE_TERMS.until);
  const untilMs = until === '' ? null : parseRfc3339Ms(until);
  if (until !== '' && untilMs === null)
    throw badTerm(SILENCE_TERMS.until, 'a time as 2026-01-02T03:04:05Z');
  if (repeats === '') return null;
  return { days: readDays(repeats), clock: readClock(annotations), untilMs };
}

function readDays(text: string): Recurrence {
  if (text === 'daily' || text === 'weekly' || text === 'monthly') return { kind: text };
  try {
    return { kind: 'weekdays', ranges: text.split(',').map((part) => parseWeekdays(part.trim())) };
  } catch (error) {
    if (!(error instanceof TimeIntervalTextError)) throw error;
    throw badTerm(SILENCE_TERMS.repeats, 'daily, weekly, monthly, or days as monday:friday,sunday');
  }
}

function readClock(annotations: Silence['annotations']): LocalClock {
  const name = annotations.get(SILENCE_TERMS.timeZone);
  try {
    return new LocalClock(name === '' ? 'UTC' : name);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw badTerm(SILENCE_TERMS.timeZone, 'a time zone such as Europe/Berlin');
  }
}

function badTerm(annotation: string, accepted: string): SilenceError {
  return new SilenceError('invalid', `invalid silence: annotation ${annotation} takes ${accepted}`);
}
