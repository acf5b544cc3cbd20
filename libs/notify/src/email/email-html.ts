import type { AlertDescription, GroupDescription } from '../message/describe-group.ts';
import { bannerOf, footerOf } from '../message/plain-text.ts';
import { escapeHtml } from '../message/escape-html.ts';

/*
 * Mail programs know little CSS and no style sheets, so everything is a table with its styles written out. Colour never
 * says anything alone: the words FIRING and RESOLVED are always there.
 */

const FONT = 'font-family:-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif';
const COLOURS = {
  resolved: '#1b7f3b',
  critical: '#b3261e',
  warning: '#a15c00',
  info: '#2457a6',
  other: '#b3261e',
};

/** The message as HTML. Every value is escaped. */
export function renderEmailHtml(
  group: GroupDescription,
  picture: { readonly cid: string; readonly description: string } | null = null,
): string {
  const colour = colourOf(group);
  return [
    '<!doctype html>',
    '<html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
    `<title>${escapeHtml(bannerOf(group))}</title></head>`,
    `<body style="margin:0;padding:16px;background:#f3f4f6;color:#1f2328;${FONT};font-size:14px;line-height:1.5">`,
    '<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center">',
    '<table role="presentation" width="640" cellpadding="0" cellspacing="0" style="max-width:640px;width:100%;background:#ffffff">',
    `<tr><td style="background:${colour};color:#ffffff;padding:16px 20px;font-size:18px;font-weight:600">${escapeHtml(bannerOf(group))}</td></tr>`,
    group.where.length === 0
      ? ''
      : `<tr><td style="padding:12px 20px">${pairTable(group.where)}</td></tr>`,
    picture === null
      ? ''
      : `<tr><td style="padding:0 20px 12px"><img src="cid:${picture.cid}" alt="${escapeHtml(picture.description)}" width="600" style="max-width:100%;height:auto"><div style="color:#59636e;font-size:12px">${escapeHtml(picture.description)}</div></td></tr>`,
    ...group.alerts.map(alertRow),
    group.omittedCount === 0
      ? ''
      : `<tr><td style="padding:12px 20px;color:#59636e">… and ${group.omittedCount} more alerts</td></tr>`,
    `<tr><td style="padding:12px 20px;border-top:1px solid #d1d9e0;color:#59636e;font-size:12px">${escapeHtml(footerOf(group))}</td></tr>`,
    '</table></td></tr></table></body></html>',
  ]
    .filter((line) => line !== '')
    .join('\n');
}

function colourOf(group: GroupDescription): string {
  if (group.status === 'resolved') return COLOURS.resolved;
  const severity = group.severity.toLowerCase();
  if (severity === 'warning') return COLOURS.warning;
  if (severity === 'info') return COLOURS.info;
  return severity === 'critical' ? COLOURS.critical : COLOURS.other;
}

function alertRow(alert: AlertDescription): string {
  const isFiring = alert.status === 'firing';
  const colour = isFiring ? COLOURS.other : COLOURS.resolved;
  const links = alert.links.map(
    ({ title, url }) =>
      `<a href="${escapeHtml(url)}" style="color:#2457a6;margin-right:12px">${escapeHtml(title)}</a>`,
  );
  const value: readonly (readonly [string, string])[] =
    alert.value === '' ? [] : [['value', alert.value]];
  const details = [...value, ...alert.labels, ...alert.annotations];
  return [
    '<tr><td style="padding:12px 20px;border-top:1px solid #d1d9e0">',
    `<span style="color:${colour};font-weight:600">${isFiring ? 'FIRING' : 'RESOLVED'}</span> `,
    `<strong>${multiline(alert.summary === '' ? alert.name : alert.summary)}</strong>`,
    `<div style="color:#59636e">${escapeHtml(alert.when)}</div>`,
    alert.description === ''
      ? ''
      : `<div style="margin-top:6px">${multiline(alert.description)}</div>`,
    details.length === 0 ? '' : `<div style="margin-top:6px">${pairTable(details)}</div>`,
    links.length === 0 ? '' : `<div style="margin-top:6px">${links.join('')}</div>`,
    '</td></tr>',
  ].join('');
}

function pairTable(pairs: readonly (readonly [string, string])[]): string {
  const rows = pairs.map(
    ([name, value]) =>
      `<tr><td style="color:#59636e;padding-right:12px;vertical-align:top">${escapeHtml(name)}</td><td>${multiline(value)}</td></tr>`,
  );
  return `<table role="presentation" cellpadding="0" cellspacing="0">${rows.join('')}</table>`;
}

function multiline(text: string): string {
  return escapeHtml(text).replaceAll('\n', '<br>');
}
