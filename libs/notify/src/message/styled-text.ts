import type { AlertDescription, GroupDescription } from './describe-group.ts';
import { bannerOf, footerOf } from './plain-text.ts';

/** How a medium writes what a message is made of. */
export interface TextStyle {
  /** Makes a text stand for itself; line feeds stay. */
  readonly escape: (text: string) => string;
  readonly bold: (escaped: string) => string;
  /** @param title escaped */
  readonly link: (title: string, url: string) => string;
  /** Between two lines. */
  readonly lineBreak: string;
  /** Whether links are addresses in full, which are given a line each. Default: no. */
  readonly hasBareLinks?: boolean;
}

export interface StyledTextOptions {
  /** The most the text may measure. */
  readonly max: number;
  /** How a text is measured. Default: its length. */
  readonly measure?: (text: string) => number;
  /** Whether the first line says what the title says. Default: yes. */
  readonly hasBanner?: boolean;
}

const MAX_LINE = 300;
const MAX_DESCRIPTION = 1_000;

/**
 * The message in a medium's own markup. What does not fit is left out alert by alert, so that markup is never cut; of the
 * first alert there is always a line.
 */
export function renderStyled(
  group: GroupDescription,
  style: TextStyle,
  options: StyledTextOptions,
): string {
  const { max, measure = (text) => text.length, hasBanner = true } = options;
  const say = (text: string) => style.escape(clip(text, MAX_LINE));
  const head = hasBanner ? [style.bold(say(bannerOf(group)))] : [];
  for (const [name, value] of group.where) head.push(say(`${name}: ${oneLine(value)}`));
  const foot = say(footerOf(group));
  const gap = style.lineBreak + style.lineBreak;
  const more = (count: number) => (count === 0 ? [] : [say(`… and ${count} more alerts`)]);
  const joined = (alerts: readonly string[]) =>
    [
      ...(head.length === 0 ? [] : [head.join(style.lineBreak)]),
      ...alerts,
      ...more(group.alerts.length - alerts.length + group.omittedCount),
      foot,
    ].join(gap);
  const shown: string[] = [];
  for (const alert of group.alerts) {
    const text = alertText(alert, style, say);
    if (measure(joined([...shown, text])) <= max) {
      shown.push(text);
      continue;
    }
    if (shown.length === 0) shown.push(firstLine(alert, style, say));
    break;
  }
  const whole = joined(shown);
  if (measure(whole) <= max) return whole;
  // Labels that all alerts share can be many.
  const brief = [style.bold(say(bannerOf(group))), ...shown].join(gap);
  return measure(brief) <= max ? brief : style.escape(clip(bannerOf(group), Math.floor(max / 8)));
}

type Say = (text: string) => string;

function firstLine(alert: AlertDescription, style: TextStyle, say: Say): string {
  const mark = alert.status === 'firing' ? 'FIRING' : 'RESOLVED';
  const summary = alert.summary === '' ? alert.name : alert.summary;
  return `${style.bold(mark)} ${say(oneLine(summary))}`;
}

function alertText(alert: AlertDescription, style: TextStyle, say: Say): string {
  const lines = [firstLine(alert, style, say)];
  if (alert.description !== '') {
    const description = style.escape(clip(alert.description, MAX_DESCRIPTION));
    lines.push(description.replaceAll(/\r?\n/g, style.lineBreak));
  }
  lines.push(say(alert.when));
  if (alert.value !== '') lines.push(say(`value: ${oneLine(alert.value)}`));
  for (const [name, value] of [...alert.labels, ...alert.annotations]) {
    lines.push(say(`${name}: ${oneLine(value)}`));
  }
  if (alert.links.length > 0) {
    const links = alert.links.map(({ title, url }) => style.link(say(title), url));
    lines.push(links.join(style.hasBareLinks === true ? style.lineBreak : ' · '));
  }
  return lines.join(style.lineBreak);
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n\p{Zl}\p{Zp}]+/gu, ' ');
}

function clip(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max).toWellFormed()}…`;
}
