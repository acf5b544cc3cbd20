import { escapeHtml } from './escape-html.ts';
import { escapeMarkdown } from './neutralize.ts';
import type { TextStyle } from './styled-text.ts';

/** An address within Markdown's parentheses. */
function markdownAddress(url: string): string {
  return url.replaceAll('(', '%28').replaceAll(')', '%29');
}

/** Markdown as Gotify reads it: a line break needs two spaces. */
export const MARKDOWN_STYLE: TextStyle = {
  escape: escapeMarkdown,
  bold: (escaped) => `**${escaped}**`,
  link: (title, url) => `[${title}](${markdownAddress(url)})`,
  lineBreak: '  \n',
};

/** Markdown of chat programs that know no backslashes: what would be markup is taken out of values before. */
export const SIMPLE_MARKDOWN_STYLE: TextStyle = {
  escape: (text) => text.replaceAll(/[*_`~]/g, (character) => `${character}\u200b`),
  bold: (escaped) => `**${escaped}**`,
  link: (title, url) => `[${title}](${markdownAddress(url)})`,
  lineBreak: '\n',
};

/** The markup of Google Chat's texts. */
export const GOOGLE_CHAT_STYLE: TextStyle = {
  escape: (text) => text.replaceAll(/[*_`~]/g, (character) => `${character}\u200b`),
  bold: (escaped) => `*${escaped}*`,
  link: (title, url) => `<${url.replaceAll('|', '%7C')}|${title}>`,
  lineBreak: '\n',
};

/** The few elements of HTML that Matrix clients show. */
export const HTML_STYLE: TextStyle = {
  escape: escapeHtml,
  bold: (escaped) => `<strong>${escaped}</strong>`,
  link: (title, url) => `<a href="${escapeHtml(url)}">${title}</a>`,
  lineBreak: '<br>',
};

/** No markup at all. */
export const PLAIN_STYLE: TextStyle = {
  escape: (text) => text,
  bold: (escaped) => escaped,
  link: (title, url) => `${title}: ${url}`,
  lineBreak: '\n',
  hasBareLinks: true,
};

/** HTML where line feeds are line feeds: Telegram, Pushover. */
export const HTML_LINES_STYLE: TextStyle = {
  escape: escapeHtml,
  bold: (escaped) => `<b>${escaped}</b>`,
  link: (title, url) => `<a href="${escapeHtml(url)}">${title}</a>`,
  lineBreak: '\n',
};

/** Slack's own markup; what begins a tag is taken out of values before. */
export const SLACK_STYLE: TextStyle = {
  escape: (text) => text.replaceAll(/[*~`]/g, (character) => `${character}\u200b`),
  bold: (escaped) => `*${escaped}*`,
  link: (title, url) => `<${url.replaceAll('|', '%7C')}|${title}>`,
  lineBreak: '\n',
};

/** Markdown in a card of Teams, where a line ends with a paragraph. */
export const TEAMS_STYLE: TextStyle = { ...MARKDOWN_STYLE, lineBreak: '\n\n' };
