import { dateFromDays } from '#libs/calendar';
import type { EmailIntegration, Notification } from '#libs/dispatch';
import { Labels } from '#libs/labels';
import type { DeliveryContext } from '../delivery-context.ts';
import { DeliveryError } from '../delivery/delivery-error.ts';
import { toMessageData } from '../message/message-data.ts';
import { MessageTemplates, type TemplateFault } from '../message/message-templates.ts';
import { toOneLine } from '../message/one-line.ts';
import type { EmailMessage } from '../ports.ts';
import { describeGroup } from '../message/describe-group.ts';
import { renderEmailHtml } from './email-html.ts';
import { renderTitle, renderPlainText } from '../message/plain-text.ts';

const DAY_MS = 86_400_000;
/** RFC 5322 allows 998; what is longer is a mistake or an attack. */
const MAX_HEADER_LENGTH = 900;
const MAX_SUBJECT_LENGTH = 250;

/** Headers that we write ourselves, in lower case; a configuration may replace their text. */
const OWN = new Set(['from', 'to', 'subject', 'message-id', 'references', 'in-reply-to']);

/**
 * The e-mail for a notification. Templates that fail leave the built-in text in their place and a fault in `faults`.
 * @throws DeliveryError `misconfigured` where a template of an address fails
 */
export function composeEmail(
  notification: Notification,
  integration: EmailIntegration,
  context: DeliveryContext,
  faults: TemplateFault[],
): EmailMessage {
  const bare = toMessageData(notification, context.externalUrl);
  const nowMs = context.nowMs();
  const { templates } = context;
  const routeLabels = templates.routeLabels(notification.routeLabels, bare, nowMs, faults);
  const data = { ...bare, routeLabels };
  const templateValue = MessageTemplates.valueOf(data);
  const expand = (text: string, field: string, isHtml = false) =>
    templates.expand(text, templateValue, { field, isHtml, nowMs }, faults);
  const expandAddress = (text: string, field: string) => {
    const address = expand(text, field);
    if (address !== null && address.trim() !== '') return toHeaderValue(address);
    const reason = address === null ? (faults.at(-1)?.message ?? '') : 'it is empty';
    throw new DeliveryError('misconfigured', `the e-mail's "${field}" cannot be told: ${reason}`);
  };
  const configured = new Map<string, string>();
  const headers: (readonly [string, string])[] = [];
  for (const [name, text] of integration.headers) {
    const value = expand(text, `header ${name}`);
    if (value === null) continue;
    if (OWN.has(name.toLowerCase())) configured.set(name.toLowerCase(), toHeaderValue(value));
    else headers.push([name, toHeaderValue(value)]);
  }
  const group = describeGroup(data, nowMs);
  const from = configured.get('from') ?? expandAddress(integration.from, 'from');
  const subject = configured.get('subject') ?? toHeaderValue(renderTitle(group));
  // Only our layout has a place for it.
  const { chart = null } = context;
  const picture = chart === null ? null : { ...chart, cid: `chart-${notification.id}@binnacle` };
  let isShown = false;
  const bodies = bodiesOf(
    integration,
    expand,
    () => renderPlainText(group),
    () => {
      isShown = true;
      return renderEmailHtml(group, picture);
    },
  );
  return {
    from,
    to: expandAddress(integration.to, 'to'),
    subject: clip(subject, MAX_SUBJECT_LENGTH),
    messageId: configured.get('message-id') ?? `<${notification.id}@${domainOf(from)}>`,
    references: threadOf(notification, integration, configured, from),
    headers: [
      ...headers,
      // Tells vacation notices not to answer (RFC 3834).
      ['Auto-Submitted', 'auto-generated'],
    ],
    ...bodies,
    pictures: picture === null || !isShown ? [] : [picture],
  };
}

function bodiesOf(
  { html, text }: EmailIntegration,
  expand: (text: string, field: string, isHtml?: boolean) => string | null,
  builtInText: () => string,
  builtInHtml: () => string,
): Pick<EmailMessage, 'html' | 'text'> {
  const written = {
    text: text === '' ? null : text === null ? null : (expand(text, 'text') ?? builtInText()),
    html:
      html === ''
        ? null
        : html === null
          ? builtInHtml()
          : (expand(html, 'html', true) ?? builtInHtml()),
  };
  // The built-in text goes with the built-in HTML, and in place of nothing at all.
  const hasOwnText = text !== null && text !== '';
  const wantsText = text === null && html === null;
  if (hasOwnText || (!wantsText && written.html !== null)) return written;
  return { ...written, text: builtInText() };
}

/** Messages of a group refer to one that was never sent, so that any of them may come first or be lost. */
function threadOf(
  notification: Notification,
  { threading }: EmailIntegration,
  configured: ReadonlyMap<string, string>,
  from: string,
): readonly string[] {
  const written = configured.get('references') ?? configured.get('in-reply-to');
  if (written !== undefined) return written.split(/\s+/).filter((id) => id !== '');
  if (threading === 'none') return [];
  const { receiver } = notification.integration;
  const fields: Record<string, string> = { receiver, group: notification.groupKey };
  if (threading === 'group-and-day') {
    const { year, month, day } = dateFromDays(Math.floor(notification.createdAtMs / DAY_MS));
    fields['day'] = `${year}-${month}-${day}`;
  }
  return [`<thread-${Labels.fromRecord(fields).fingerprint}@${domainOf(from)}>`];
}

function domainOf(address: string): string {
  const domain = /@([A-Za-z0-9.-]+)/.exec(address)?.[1];
  return domain ?? 'localhost';
}

function toHeaderValue(text: string): string {
  return clip(toOneLine(text), MAX_HEADER_LENGTH);
}

function clip(text: string, length: number): string {
  return text.length <= length
    ? text
    : `${text
        .slice(0, length - 1)
        .toWellFormed()
        .replace(/\uFFFD$/, '')}…`;
}
