import type { IncomingAlert } from '#libs/dispatch';
import { isValidUtf8Name, Labels } from '#libs/labels';
import { z } from 'zod';
import { AlertmanagerApiError } from './alertmanager-api-error.ts';

/** Alerts of a request, those that can be taken apart from what is wrong with the others. */
export interface PostedAlerts {
  readonly alerts: readonly IncomingAlert[];
  readonly problems: readonly string[];
}

const RFC3339 =
  /^\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d{2}:?\d{2}))?$/;
/** Go's zero time stands for none. */
const GO_ZERO_MS = -62_135_596_800_000;

const time = z.string().transform((text, context): number | null => {
  const timeMs = RFC3339.test(text) ? Date.parse(text.replace(' ', 'T')) : Number.NaN;
  if (Number.isNaN(timeMs)) {
    context.addIssue({ code: 'custom', message: 'expected a time such as 2026-01-02T03:04:05Z' });
    return z.NEVER;
  }
  return timeMs === GO_ZERO_MS ? null : timeMs;
});

// Entries rather than `z.record`, which would drop a name such as `__proto__`.
const labelSet = z
  .custom<Readonly<Record<string, unknown>>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'expected an object of strings',
  )
  .transform((record, context): (readonly [string, string])[] =>
    Object.entries(record).map(([name, value]) => {
      if (typeof value === 'string') return [name, value];
      context.addIssue({ code: 'custom', path: [name], message: 'expected a string' });
      return [name, ''];
    }),
  );

const alertsSchema = z.array(
  z.object({
    labels: labelSet.nullish(),
    annotations: labelSet.nullish(),
    startsAt: time.nullish(),
    endsAt: time.nullish(),
    generatorURL: z.string().nullish(),
  }),
);

/**
 * Reads the body of `POST /api/v2/alerts`. An alert that cannot be taken keeps none of the others from being taken.
 * @throws AlertmanagerApiError for a body that is no list of alerts
 */
export function parsePostedAlerts(body: unknown): PostedAlerts {
  const parsed = alertsSchema.safeParse(body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = (issue?.path ?? []).join('.');
    const reason = `${place === '' ? '' : `${place}: `}${issue?.message ?? 'it is malformed'}`;
    throw AlertmanagerApiError.malformed(400, `parsing alerts body failed, because ${reason}`);
  }
  const alerts: IncomingAlert[] = [];
  const problems: string[] = [];
  for (const raw of parsed.data) {
    const labels = raw.labels ?? [];
    const annotations = raw.annotations ?? [];
    const startsAtMs = raw.startsAt ?? null;
    const endsAtMs = raw.endsAt ?? null;
    const problem =
      whyNotLabels(labels, 'label') ??
      whyNotLabels(annotations, 'annotation') ??
      whyNotTimes(startsAtMs, endsAtMs);
    if (problem === null) {
      alerts.push({
        labels: Labels.fromPairs(labels),
        annotations: Labels.fromPairs(annotations),
        startsAtMs,
        endsAtMs,
        generatorUrl: raw.generatorURL ?? '',
      });
    } else {
      problems.push(problem);
    }
  }
  return { alerts, problems };
}

function whyNotLabels(
  pairs: readonly (readonly [string, string])[],
  kind: 'label' | 'annotation',
): string | null {
  for (const [name, value] of pairs) {
    if (!isValidUtf8Name(name)) return `invalid ${kind} set: invalid name ${JSON.stringify(name)}`;
    if (!value.isWellFormed())
      return `invalid ${kind} set: the value of ${JSON.stringify(name)} is no text`;
  }
  const isEmpty = pairs.every(([, value]) => value === '');
  return kind === 'label' && isEmpty ? 'at least one label pair required' : null;
}

function whyNotTimes(startsAtMs: number | null, endsAtMs: number | null): string | null {
  if (startsAtMs === null || endsAtMs === null || startsAtMs <= endsAtMs) return null;
  return 'start time must be before end time';
}
