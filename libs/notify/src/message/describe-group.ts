import { formatRfc3339 } from '#libs/calendar';
import type { NotifiedAlert } from '#libs/dispatch';
import { formatDurationMs, type Labels } from '#libs/labels';
import { firingFirst, type MessageData } from './message-data.ts';

/** A notification in words, for whatever medium: what, where, since when, and where to look. */
export interface GroupDescription {
  readonly status: 'firing' | 'resolved';
  readonly firingCount: number;
  readonly resolvedCount: number;
  /** What is wrong, in one line. */
  readonly headline: string;
  /** Where: labels all alerts share, the name left out. */
  readonly where: readonly (readonly [string, string])[];
  readonly severity: string;
  readonly alerts: readonly AlertDescription[];
  /** Alerts left out because there are too many. */
  readonly omittedCount: number;
  readonly receiver: string;
  readonly reason: string;
  /** Empty where we have no address. */
  readonly externalUrl: string;
}

export interface AlertDescription {
  readonly status: 'firing' | 'resolved';
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  /** `since …` or `from … to …`, with how long it lasted. */
  readonly when: string;
  /** The value the rule saw, where an annotation tells it. */
  readonly value: string;
  /** Labels that tell this alert from the others. */
  readonly labels: readonly (readonly [string, string])[];
  /** Further annotations. */
  readonly annotations: readonly (readonly [string, string])[];
  readonly links: readonly { readonly title: string; readonly url: string }[];
}

/** More would not be read, and mail servers refuse very long messages. */
const MAX_ALERTS = 100;
const MAX_TEXT = 4_000;

const SUMMARIES = ['summary', 'message', 'title'];
const DESCRIPTIONS = ['description'];
const VALUES = ['value', 'current_value'];
const LINKS: readonly (readonly [string, string])[] = [
  ['runbook_url', 'Runbook'],
  ['runbook', 'Runbook'],
  ['dashboard_url', 'Dashboard'],
  ['dashboard', 'Dashboard'],
];
const THRESHOLD = 'threshold';
const TOLD_ELSEWHERE = new Set([...SUMMARIES, ...DESCRIPTIONS, ...VALUES, THRESHOLD]);

/**
 * Puts a notification into words.
 * @param original what links are made of, where labels in `data` were changed for a medium
 */
export function describeGroup(
  data: MessageData,
  nowMs: number,
  original: MessageData = data,
): GroupDescription {
  const externalUrl = isWebUrl(data.externalUrl) ? data.externalUrl : '';
  const labelsOf = new Map(original.alerts.map(({ fingerprint, labels }) => [fingerprint, labels]));
  const firingCount = data.alerts.filter((alert) => alert.status === 'firing').length;
  const shown = firingFirst(data.alerts).slice(0, MAX_ALERTS);
  const where = pairs(data.commonLabels, new Set(['alertname', 'severity']));
  return {
    status: data.status,
    firingCount,
    resolvedCount: data.alerts.length - firingCount,
    headline: headlineOf(data),
    where,
    severity: data.commonLabels.get('severity'),
    alerts: shown.map((alert) => ({
      ...describeAlert(alert, data.commonLabels, nowMs),
      links: [
        ...linksOf(alert),
        ...silenceLinks(alert, labelsOf.get(alert.fingerprint) ?? alert.labels, externalUrl),
      ],
    })),
    omittedCount: data.alerts.length - shown.length,
    receiver: data.receiver,
    reason: data.reason,
    externalUrl,
  };
}

function headlineOf(data: MessageData): string {
  const name = data.commonLabels.get('alertname');
  if (name !== '') return name;
  const names = new Set(data.alerts.map((alert) => alert.labels.get('alertname')));
  const first = [...names].filter((each) => each !== '').slice(0, 3);
  if (first.length === 0) return `${data.alerts.length} alerts`;
  return first.join(', ') + (names.size > first.length ? ' and others' : '');
}

function describeAlert(
  alert: NotifiedAlert,
  common: Labels,
  nowMs: number,
): Omit<AlertDescription, 'links'> {
  const { labels, annotations } = alert;
  const linked = LINKS.map(([name]) => name).filter((name) => !isPath(annotations.get(name)));
  const taken = new Set([...TOLD_ELSEWHERE, ...linked]);
  return {
    status: alert.status,
    name: labels.get('alertname') || 'Alert',
    summary: firstOf(annotations, SUMMARIES),
    description: firstOf(annotations, DESCRIPTIONS),
    when: whenOf(alert, nowMs),
    value: valueOf(annotations),
    labels: pairs(
      labels.filter((name) => !common.has(name)),
      new Set(['alertname']),
    ),
    annotations: pairs(annotations, taken),
  };
}

/** The value, and what it is measured by: `7 (threshold > 5)`. */
function valueOf(annotations: Labels): string {
  const value = firstOf(annotations, VALUES);
  const threshold = clip(annotations.get(THRESHOLD));
  if (threshold === '') return value;
  return value === '' ? `threshold ${threshold}` : `${value} (threshold ${threshold})`;
}

function whenOf(alert: NotifiedAlert, nowMs: number): string {
  const start = formatForPeople(alert.startsAtMs);
  const end = alert.endsAtMs;
  if (end === null) return `since ${start} (${duration(nowMs - alert.startsAtMs)})`;
  return `from ${start} to ${formatForPeople(end)} (${duration(end - alert.startsAtMs)})`;
}

/** `2026-02-03 04:05:06 UTC`. */
function formatForPeople(timeMs: number): string {
  const wholeSecond = formatRfc3339(Math.floor(timeMs / 1_000) * 1_000);
  return wholeSecond.replace('T', ' ').replace('Z', ' UTC');
}

function duration(durationMs: number): string {
  return formatDurationMs(Math.max(0, Math.floor(durationMs / 1_000) * 1_000));
}

function linksOf({ annotations, generatorUrl }: NotifiedAlert): AlertDescription['links'] {
  const links = LINKS.map(([name, title]) => ({ title, url: annotations.get(name) }));
  return [...links, { title: 'Graph', url: generatorUrl }].filter(({ url }) => isWebUrl(url));
}

/** More does not fit everywhere. */
const MAX_SILENCE_URL = 1_500;

/** Where an alert that fires can be silenced: a page of the engine. */
function silenceLinks(
  { status }: NotifiedAlert,
  labels: Labels,
  externalUrl: string,
): AlertDescription['links'] {
  if (status !== 'firing' || externalUrl === '') return [];
  const query = encodeURIComponent(JSON.stringify(labels.toRecord())).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.codePointAt(0)!.toString(16)}`,
  );
  const url = `${externalUrl}/silence?labels=${query}`;
  return url.length > MAX_SILENCE_URL ? [] : [{ title: 'Silence', url }];
}

/** Whether a link is safe to offer: `javascript:` and the like are not. */
function isWebUrl(url: string): boolean {
  return /^https?:\/\/[^\s"'<>]+$/i.test(url);
}

/** Whether a link is a path in some repository, as those of runbooks may be: nothing to click on, and worth reading. */
function isPath(url: string): boolean {
  return /^[\w.#/-]+$/.test(url);
}

function firstOf(labels: Labels, names: readonly string[]): string {
  const name = names.find((each) => labels.has(each));
  return name === undefined ? '' : clip(labels.get(name));
}

function pairs(
  labels: Labels,
  without: ReadonlySet<string>,
): readonly (readonly [string, string])[] {
  return [...labels.without(without)].map(([name, value]) => [name, clip(value)]);
}

function clip(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}…`;
}
