import { toOneLine } from './one-line.ts';
import type { AlertDescription, GroupDescription } from './describe-group.ts';

/** The subject: what is wrong and where, in one line that reads well in a list of messages. */
export function renderTitle(group: GroupDescription): string {
  const status = group.status === 'firing' ? `FIRING:${group.firingCount}` : 'RESOLVED';
  const severity = group.severity === '' ? '' : ` ${group.severity}`;
  const where = group.where.map(([name, value]) => `${name}=${value}`).join(' ');
  return `[${status}]${severity} ${group.headline}${where === '' ? '' : ` (${where})`}`;
}

/** The message as plain text. */
export function renderPlainText(group: GroupDescription): string {
  const lines = [bannerOf(group), ''];
  for (const [name, value] of group.where) lines.push(`${name}: ${indent(value)}`);
  if (group.where.length > 0) lines.push('');
  for (const alert of group.alerts) lines.push(...alertLines(alert), '');
  if (group.omittedCount > 0) lines.push(`… and ${group.omittedCount} more alerts`, '');
  lines.push('-- ', footerOf(group));
  return lines.join('\n');
}

/** The first words of a message, which a phone shows before anything else. */
export function bannerOf(group: GroupDescription): string {
  const { firingCount, resolvedCount } = group;
  const counts =
    group.status === 'resolved'
      ? `all over (${count(resolvedCount)})`
      : `${count(firingCount)} firing${resolvedCount > 0 ? `, ${resolvedCount} resolved` : ''}`;
  const status = group.status === 'firing' ? 'FIRING' : 'RESOLVED';
  return toOneLine(`${status}: ${group.headline} – ${counts}`);
}

/** Why the message came, and from where. */
export function footerOf(group: GroupDescription): string {
  const place = group.externalUrl === '' ? '' : ` – ${group.externalUrl}`;
  return toOneLine(`Sent to ${group.receiver}: ${group.reason}${place}`);
}

function count(alerts: number): string {
  return alerts === 1 ? '1 alert' : `${alerts} alerts`;
}

function alertLines(alert: AlertDescription): string[] {
  const mark = alert.status === 'firing' ? '[firing]' : '[resolved]';
  const lines = [`${mark} ${indent(alert.summary === '' ? alert.name : alert.summary)}`];
  if (alert.description !== '') lines.push(`  ${indent(alert.description)}`);
  lines.push(`  ${alert.when}`);
  if (alert.value !== '') lines.push(`  value: ${indent(alert.value)}`);
  for (const [name, value] of alert.labels) lines.push(`  ${name}: ${indent(value)}`);
  for (const [name, value] of alert.annotations) lines.push(`  ${name}: ${indent(value)}`);
  for (const { title, url } of alert.links) lines.push(`  ${title}: ${url}`);
  return lines;
}

/** A value of several lines must not look like lines of ours. */
function indent(value: string): string {
  return value.replaceAll(/[\r\n\p{Zl}\p{Zp}]+/gu, '\n    ');
}
