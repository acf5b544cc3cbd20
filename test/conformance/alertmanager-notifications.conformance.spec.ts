import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import {
  type AlertmanagerConfig,
  compareAlertLabels,
  formatLabelSet,
  type Integration,
  type Notification,
  type NotificationReason,
  type NotifiedAlert,
  parseAlertmanagerConfig,
} from '#libs/dispatch';
import { Labels } from '#libs/labels';
import { signAwsRequest } from '#libs/aws-signature';
import {
  deliver,
  type EmailMessage,
  type HttpRequest,
  MessageTemplates,
  TokenCache,
  type WebhookAlert,
  type WebhookPayload,
} from '#libs/notify';
import { Secret } from '#libs/yaml-config';
import { describeConformance } from '../support/conformance.ts';

/*
 * Everything that a real Alertmanager sent for one configuration. Its webhooks tell which notifications there were; each
 * of the other records must be what we make of one of them.
 *
 * What differs on purpose:
 * - `User-Agent` names us, and webhooks carry an `Idempotency-Key`.
 * - Discord is told that a message may call nobody (`allowed_mentions`).
 * - E-mails have a layout of our own unless the configuration asks for Alertmanager's, as it is made to do here.
 * - Amazon's signature covers other headers and depends on the time: it is compared over the recorded ones.
 */

interface Recorded {
  readonly protocol: 'http' | 'smtp';
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: object;
  readonly body?: string;
  readonly commands?: readonly string[];
  readonly data?: string;
}

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

interface SentMail {
  readonly to: string;
  readonly from: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string | null;
  readonly html: string | null;
}

const SINK = 'http://127.0.0.1:18080';
const COMPARED = ['Accept-Language', 'Authorization', 'Content-Type', 'X-Auth-Token', 'X-User-Id'];
const OURS = `{to: ops@example.com, send_resolved: true}`;
const THEIRS = `{to: ops@example.com, send_resolved: true, html: '{{ template "email.default.html" . }}', headers: {Subject: '{{ template "email.default.subject" . }}'}}`;

function readRecords(path: string): Recorded[] {
  return (
    readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      // Times are whole milliseconds here; Alertmanager's clock counts nanoseconds.
      .map(
        (line) => JSON.parse(line.replaceAll(/([.][0-9]{2}[1-9]?)0*[0-9]{6}Z/g, '$1Z')) as Recorded,
      )
  );
}

describeConformance('notifications', ['alertmanager', 'golden'], (root) => {
  const records = readRecords(join(root, 'notifications.ndjson'));
  const text = readFileSync(join(root, 'alertmanager.yml'), 'utf8');
  const config = parseAlertmanagerConfig(text.replace(OURS, THEIRS), 'alertmanager.yml');
  const payloads = records
    .filter(({ path = '' }) => path.startsWith('/webhook') || path === '/incidentio')
    .map(({ json }) => json as WebhookPayload);
  let all: { readonly http: readonly Sent[]; readonly mail: readonly SentMail[] } | null = null;
  const sentByUs = async () => (all ??= await deliverAll(config, payloads));

  it('are there', () => {
    expect(records).toHaveLength(167);
  });

  const requests = records.filter(({ protocol }) => protocol === 'http');
  it.each(requests.map((record, i) => [`${i} ${record.path}`, record] as const))(
    '%s',
    async (_, record) => {
      const { http } = await sentByUs();
      const expected = readRequest(record);
      const alike = http.filter(({ path }) => path === expected.path);
      const wanted = JSON.stringify(sorted(expected.body));
      const same = alike.find(({ body }) => JSON.stringify(sorted(body)) === wanted);
      expect(same ?? alike[0]).toEqual(expected);
    },
  );

  const mails = records.filter(({ protocol }) => protocol === 'smtp');
  it.each(mails.map((record, i) => [`mail ${i}`, record] as const))('%s', async (_, record) => {
    const { mail } = await sentByUs();
    const expected = readMail(record);
    expect(mail.find(({ html }) => html === expected.html)).toEqual(expected);
  });

  const signed = records.filter(({ path }) => path === '/sns');
  it.each(signed.map((record, i) => [i, record] as const))(
    'is signed as Amazon signs, %i',
    (_, { headers = {}, body = '' }) => {
      const nowMs = Date.parse(
        headers['X-Amz-Date']!.replace(
          /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/,
          '$1-$2-$3T$4:$5:$6Z',
        ),
      );
      const ours = signAwsRequest(
        {
          url: new URL(`${SINK}/sns`),
          body,
          contentType: headers['Content-Type']!,
          region: 'us-east-2',
          service: 'sns',
          nowMs,
          headers: ['Amz-Sdk-Invocation-Id', 'Amz-Sdk-Request', 'Content-Length'].map((name) => [
            name.toLowerCase(),
            headers[name]!,
          ]),
        },
        { accessKey: 'AK', secretKey: 'SK', sessionToken: null },
      );
      expect(new Map(ours).get('Authorization')).toBe(headers['Authorization']);
    },
  );

  it('are as many', async () => {
    const { http, mail } = await sentByUs();
    // A token of WeChat's is asked for once, where Alertmanager asked a second time at once.
    const recorded = count(records.flatMap(({ path }) => path ?? []));
    const sent = count(http.map(({ path }) => path));
    const gettoken = Object.keys(recorded).find((path) => path.includes('gettoken'))!;
    expect({ ...sent, [gettoken]: 2 }).toEqual(recorded);
    expect(mail).toHaveLength(records.filter(({ protocol }) => protocol === 'smtp').length);
  });

  it.each(payloads.map((payload, i) => [`${i} ${payload.groupKey}`, payload] as const))(
    'payload %s: fingerprints, order and group key are ours',
    (_, { alerts, groupKey, groupLabels }) => {
      const sets = alerts.map((alert) => Labels.fromRecord(alert.labels));
      expect(sets.map((labels) => labels.fingerprint)).toEqual(
        alerts.map((alert) => alert.fingerprint),
      );
      expect(sets.toSorted(compareAlertLabels)).toEqual(sets);
      expect(groupKey.endsWith(`:${formatLabelSet(Labels.fromRecord(groupLabels))}`)).toBe(true);
    },
  );
});

/** How often each text is there. */
function count(texts: readonly string[]): Record<string, number> {
  const groups = Map.groupBy(texts, (text) => text);
  return Object.fromEntries([...groups].map(([text, { length }]) => [text, length]));
}

/** Delivers each notification to every integration of its receiver and writes down what is sent. */
async function deliverAll(config: AlertmanagerConfig, payloads: readonly WebhookPayload[]) {
  const http: Sent[] = [];
  const mail: SentMail[] = [];
  const tokens = new TokenCache();
  const templates = MessageTemplates.create();
  for (const payload of payloads) {
    const receiver = config.receivers.find(({ name }) => name === payload.receiver)!;
    for (const integration of receiver.integrations) {
      if (!wants(integration, payload)) continue;
      const notification = notificationOf(payload, integration);
      const report = await deliver(
        notification,
        integration,
        {
          externalUrl: payload.externalURL,
          userAgent: 'Binnacle',
          templates,
          defaultTimeoutMs: 1_000,
          environment: {},
          nowMs: () => Date.UTC(2026, 10, 20, 22, 29, 38),
        },
        {
          http: {
            send: async (request) => {
              http.push(toSent(request));
              return { status: 200, retryAfter: null, body: answerTo(request) };
            },
          },
          mail: {
            send: async (message) => {
              mail.push(toSentMail(message));
              return [];
            },
          },
          secrets: {
            read: async (source) => (source.kind === 'inline' ? source.secret : new Secret('')),
          },
          fluent: { send: async () => {} },
          memory: { read: () => null, write: async () => {} },
          tokens,
        },
      );
      expect(report.templateFaults).toEqual([]);
    }
  }
  return { http, mail };
}

/** Each integration of a receiver got the same notifications, but for ends that it does not want. */
function wants({ sendsResolved, kind }: Integration, payload: WebhookPayload): boolean {
  if (sendsResolved) return true;
  // Without the alerts that ended there was nothing new to tell.
  void kind;
  return payload.alerts.every((alert) => alert.status === 'firing');
}

function answerTo({ url }: HttpRequest): string {
  if (url.reveal().includes('gettoken')) return '{"errcode":0,"access_token":"tok"}';
  return url.reveal().endsWith('/search') ? '{"issues":[]}' : '{}';
}

function toSent({ method, url, headers, body }: HttpRequest): Sent {
  const given = headers.map(
    ([name, value]) => [name, value instanceof Secret ? value.reveal() : value] as const,
  );
  const path = url.reveal().replace(SINK, '');
  return {
    method,
    path,
    headers: comparedHeaders(Object.fromEntries(given), path),
    body: toBody(String(body ?? '')),
  };
}

function readRequest({ method = '', path = '', headers = {}, json, body }: Recorded): Sent {
  return {
    method,
    path,
    headers: comparedHeaders(headers, path),
    body: json ?? toBody(body ?? ''),
  };
}

function comparedHeaders(headers: Readonly<Record<string, string>>, path: string): Sent['headers'] {
  return Object.fromEntries(
    COMPARED.filter((name) => headers[name] !== undefined).map((name) => [
      name,
      name === 'Authorization' && path === '/sns' ? '(signed)' : headers[name]!,
    ]),
  );
}

function toBody(text: string): unknown {
  if (text.startsWith('Action=')) return Object.fromEntries(new URLSearchParams(text));
  if (!text.startsWith('{')) return text;
  const { allowed_mentions: mentions, ...body } = JSON.parse(text) as Record<string, unknown>;
  if (mentions !== undefined) expect(mentions).toEqual({ parse: [] });
  return body;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]: [string, unknown]) => [key, sorted(inner)]),
  );
}

function toSentMail(message: EmailMessage): SentMail {
  return {
    to: message.to,
    from: message.from,
    headers: Object.fromEntries([
      ['Subject', message.subject],
      ...message.headers.filter(([name]) => name.startsWith('X-')),
    ]),
    text: message.text === null ? null : toLines(message.text),
    html: message.html === null ? null : toLines(message.html),
  };
}

/** The recorded message: two parts at most, quoted-printable. */
function readMail({ data = '' }: Recorded): SentMail {
  const [head, body] = splitOnce(data, '\r\n\r\n');
  const headers = readHeaders(head);
  const boundary = /boundary="?([^"\s;]+)/.exec(headers.get('content-type') ?? '')?.[1] ?? '';
  const parts = body
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => splitOnce(part.replace(/^\r\n/, ''), '\r\n\r\n'));
  const partOf = (type: string) => {
    const part = parts.find(([partHead]) => partHead.toLowerCase().includes(type));
    return part === undefined ? null : toLines(decodeQuotedPrintable(part[1].replace(/\r\n$/, '')));
  };
  return {
    to: headers.get('to') ?? '',
    from: headers.get('from') ?? '',
    headers: Object.fromEntries([
      ['Subject', decodeWords(headers.get('subject') ?? '')],
      ...[...headers]
        .filter(([name]) => name.startsWith('x-'))
        .map(([name, value]) => [name.replace('x-c', 'X-C'), value]),
    ]),
    text: partOf('text/plain'),
    html: partOf('text/html'),
  };
}

function toLines(text: string): string {
  return text.replaceAll('\r\n', '\n');
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}

function readHeaders(head: string): Map<string, string> {
  const lines = head.replaceAll(/\r\n[ \t]+/g, ' ').split('\r\n');
  return new Map(
    lines.map((line) => {
      const [name, value] = splitOnce(line, ':');
      return [name.toLowerCase(), value.trim()];
    }),
  );
}

function decodeQuotedPrintable(text: string): string {
  const bytes = text
    .replaceAll('=\r\n', '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) =>
      String.fromCodePoint(Number.parseInt(hex, 16)),
    );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

function decodeWords(text: string): string {
  return text.replaceAll(/=\?utf-8\?q\?([^?]*)\?=/gi, (_, word: string) =>
    decodeQuotedPrintable(word.replaceAll('_', ' ')),
  );
}

function notificationOf(recorded: WebhookPayload, { ref }: Integration): Notification {
  const alerts = recorded.alerts.map(alertOf);
  // What was left out of the record only has to be there.
  const left = Array.from({ length: recorded.truncatedAlerts }, () => alerts[0]!);
  return {
    id: 'x',
    integration: ref,
    groupKey: recorded.groupKey,
    groupLabels: Labels.fromRecord(recorded.groupLabels),
    reason: recorded.notification_reason as NotificationReason,
    status: recorded.status,
    alerts: [...alerts, ...left],
    createdAtMs: 0,
  };
}

function alertOf(alert: WebhookAlert): NotifiedAlert {
  return {
    status: alert.status,
    labels: Labels.fromRecord(alert.labels),
    annotations: Labels.fromRecord(alert.annotations),
    startsAtMs: Date.parse(alert.startsAt),
    endsAtMs: alert.status === 'firing' ? null : Date.parse(alert.endsAt),
    generatorUrl: alert.generatorURL,
    fingerprint: alert.fingerprint,
  };
}
