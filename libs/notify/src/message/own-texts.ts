import type { GroupDescription } from './describe-group.ts';
import { renderTitle } from './plain-text.ts';
import { renderStyled, type StyledTextOptions } from './styled-text.ts';
import {
  HTML_LINES_STYLE,
  MARKDOWN_STYLE,
  PLAIN_STYLE,
  SIMPLE_MARKDOWN_STYLE,
  SLACK_STYLE,
  TEAMS_STYLE,
} from './text-styles.ts';
import type { TextStyle } from './styled-text.ts';

/** Writes a text. @param isHtml whether the medium was told to read HTML */
type OwnText = (group: GroupDescription, isHtml: boolean) => string;

function body(style: TextStyle, options: StyledTextOptions): OwnText {
  return (group) => renderStyled(group, style, options);
}

/** For media that show HTML where they are told to. */
function htmlOrPlain(max: number, hasBanner: boolean): OwnText {
  return (group, isHtml) =>
    renderStyled(group, isHtml ? HTML_LINES_STYLE : PLAIN_STYLE, { max, hasBanner });
}

const bytes = (text: string): number => Buffer.byteLength(text);
const plain = (max: number): OwnText => body(PLAIN_STYLE, { max, hasBanner: false });

/** Our text in place of each of Alertmanager's default templates. What is not here says the same in both. */
const OWN_TEXTS: ReadonlyMap<string, OwnText> = new Map<string, OwnText>([
  ['slack.default.title', renderTitle],
  ['slack.default.fallback', renderTitle],
  ['slack.default.text', body(SLACK_STYLE, { max: 7_000, hasBanner: false })],
  ['discord.default.title', renderTitle],
  ['discord.default.message', body(MARKDOWN_STYLE, { max: 4_000, hasBanner: false })],
  ['telegram.default.message', htmlOrPlain(4_000, true)],
  ['msteams.default.title', renderTitle],
  ['msteams.default.summary', renderTitle],
  ['msteams.default.text', body(TEAMS_STYLE, { max: 18_000, measure: bytes, hasBanner: false })],
  ['msteamsv2.default.title', renderTitle],
  ['msteamsv2.default.text', body(TEAMS_STYLE, { max: 18_000, measure: bytes, hasBanner: false })],
  ['mattermost.default.title', renderTitle],
  ['mattermost.default.fallback', renderTitle],
  ['mattermost.default.text', body(SIMPLE_MARKDOWN_STYLE, { max: 15_000, hasBanner: false })],
  ['rocketchat.default.title', renderTitle],
  ['rocketchat.default.text', body(SIMPLE_MARKDOWN_STYLE, { max: 5_000, hasBanner: false })],
  ['webex.default.message', body(SIMPLE_MARKDOWN_STYLE, { max: 7_000, measure: bytes })],
  ['wechat.default.message', body(PLAIN_STYLE, { max: 2_000, measure: bytes })],
  ['pushover.default.title', renderTitle],
  ['pushover.default.message', htmlOrPlain(1_000, false)],
  ['sns.default.subject', renderTitle],
  ['sns.default.message', plain(100_000)],
  ['pagerduty.default.description', renderTitle],
  ['opsgenie.default.message', renderTitle],
  ['opsgenie.default.description', plain(14_000)],
  ['victorops.default.entity_display_name', renderTitle],
  ['victorops.default.state_message', plain(20_000)],
  ['jira.default.summary', renderTitle],
  ['jira.default.description', plain(30_000)],
]);

/** Our text in place of a default template that has this name, if there is one. */
export function ownTextOf(name: string): OwnText | null {
  return OWN_TEXTS.get(name) ?? null;
}
