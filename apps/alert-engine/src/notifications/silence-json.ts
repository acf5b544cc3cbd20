import { type PostedSilence, type Silence, silenceState } from '#libs/dispatch';
import {
  isValidUtf8Name,
  Labels,
  Matcher,
  type MatcherKind,
  RegExpSyntaxError,
} from '#libs/labels';
import { parseRfc3339Ms } from '#libs/calendar';
import { AlertmanagerApiError } from './alertmanager-api-error.ts';

/** `gettableSilence` of Alertmanager's API. */
export interface SilenceJson {
  readonly id: string;
  readonly status: { readonly state: 'pending' | 'active' | 'expired' };
  readonly updatedAt: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly comment: string;
  readonly createdBy: string;
  readonly endsAt: string;
  readonly matchers: readonly {
    readonly isEqual: boolean;
    readonly isRegex: boolean;
    readonly name: string;
    readonly value: string;
  }[];
  readonly startsAt: string;
}

export function toSilenceJson(silence: Silence, nowMs: number): SilenceJson {
  return {
    id: silence.id,
    status: { state: silenceState(silence, nowMs) },
    updatedAt: new Date(silence.updatedAtMs).toISOString(),
    annotations: silence.annotations.toRecord(),
    comment: silence.comment,
    createdBy: silence.createdBy,
    endsAt: new Date(silence.endsAtMs).toISOString(),
    matchers: silence.matchers.map(({ name, kind, value }) => ({
      isEqual: kind === '=' || kind === '=~',
      isRegex: kind === '=~' || kind === '!~',
      name,
      value,
    })),
    startsAt: new Date(silence.startsAtMs).toISOString(),
  };
}

/** Codes of the library by which Alertmanager checks requests. */
const REQUIRED = 602;
const TOO_FEW = 612;
const BAD_TYPE = 601;
/** In the order in which they are checked. */
const REQUIRED_FIELDS = ['comment', 'createdBy', 'endsAt', 'matchers', 'startsAt'];
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
/** A time out of this range cannot be printed in the API's form. */
const MAX_TIME_MS = Date.UTC(9999, 11, 31);

/** Checks the id in a path. @throws AlertmanagerApiError */
export function parseSilenceId(text: string): string {
  if (UUID.test(text)) return text;
  const message = `silenceID in path must be of type uuid: ${JSON.stringify(text.slice(0, 100))}`;
  throw AlertmanagerApiError.malformed(422, message, BAD_TYPE);
}

/** Reads the body of `POST /api/v2/silences`. @throws AlertmanagerApiError */
export function parsePostedSilence(body: unknown): PostedSilence {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw badBody('an object');
  const fields = new Map<string, unknown>(Object.entries(body));
  for (const name of REQUIRED_FIELDS) {
    if (fields.get(name) === undefined || fields.get(name) === null) {
      throw AlertmanagerApiError.malformed(422, `${name} in body is required`, REQUIRED);
    }
  }
  const matchers = fields.get('matchers');
  if (!Array.isArray(matchers)) throw badBody('a list of matchers');
  if (matchers.length === 0) {
    const message = 'matchers in body should have at least 1 items';
    throw AlertmanagerApiError.malformed(422, message, TOO_FEW);
  }
  const id = fields.get('id') ?? null;
  if (id !== null && typeof id !== 'string') throw badBody('a text as id');
  return {
    id: id === '' ? null : id,
    matchers: matchers.map(parseMatcher),
    startsAtMs: timeOf(fields.get('startsAt')),
    endsAtMs: timeOf(fields.get('endsAt')),
    createdBy: textOf(fields.get('createdBy'), 'createdBy'),
    comment: textOf(fields.get('comment'), 'comment'),
    annotations: annotationsOf(fields.get('annotations')),
  };
}

function parseMatcher(value: unknown, index: number): Matcher {
  if (typeof value !== 'object' || value === null) throw badBody('an object for each matcher');
  const fields = new Map<string, unknown>(Object.entries(value));
  for (const field of ['isRegex', 'name', 'value']) {
    if (fields.get(field) === undefined || fields.get(field) === null) {
      const message = `matchers.${index}.${field} in body is required`;
      throw AlertmanagerApiError.malformed(422, message, REQUIRED);
    }
  }
  const name = textOf(fields.get('name'), 'name');
  const text = textOf(fields.get('value'), 'value');
  const isRegex = fields.get('isRegex');
  const isEqual = fields.get('isEqual') ?? true;
  if (typeof isRegex !== 'boolean' || typeof isEqual !== 'boolean') {
    throw badBody('true or false for isRegex and isEqual');
  }
  const place = `invalid silence: invalid label matcher ${index} in set 0`;
  if (!isValidUtf8Name(name)) {
    throw AlertmanagerApiError.refused(400, `${place}: invalid label name ${JSON.stringify(name)}`);
  }
  try {
    return new Matcher(name, kindOf(isEqual, isRegex), text);
  } catch (error) {
    if (!(error instanceof RegExpSyntaxError)) throw error;
    const what = `invalid regular expression ${JSON.stringify(text)}: ${error.message}`;
    throw AlertmanagerApiError.refused(400, `${place}: ${what}`);
  }
}

function kindOf(isEqual: boolean, isRegex: boolean): MatcherKind {
  if (isRegex) return isEqual ? '=~' : '!~';
  return isEqual ? '=' : '!=';
}

function timeOf(value: unknown): number {
  const timeMs = typeof value === 'string' ? parseRfc3339Ms(value) : null;
  if (timeMs === null || Math.abs(timeMs) > MAX_TIME_MS) {
    throw badBody('times such as 2026-01-02T03:04:05Z');
  }
  return timeMs;
}

function textOf(value: unknown, name: string): string {
  if (typeof value !== 'string' || !value.isWellFormed()) throw badBody(`a text as ${name}`);
  return value;
}

function annotationsOf(value: unknown): Labels | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'object' || Array.isArray(value)) throw badBody('texts as annotations');
  const pairs = Object.entries(value).map(([name, text]): [string, string] => [
    name,
    textOf(text, name),
  ]);
  if (pairs.some(([name]) => !isValidUtf8Name(name))) throw badBody('names of annotations');
  return Labels.fromPairs(pairs);
}

function badBody(expected: string): AlertmanagerApiError {
  const message = `parsing silence body failed, because it takes ${expected}`;
  return AlertmanagerApiError.malformed(400, message);
}
