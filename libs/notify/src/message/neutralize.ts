/*
 * Labels and annotations come from whoever can raise an alert. In chat programs some texts do things: they call a
 * whole channel, or hide where a link leads. These functions take that away and leave what a person reads.
 */

const ZERO_WIDTH_SPACE = '\u200b';

/** Slack: `<!channel>`, `<@U1>` and `<https://evil|a nice name>` all begin with `<`. */
export function neutralizeSlack(text: string): string {
  return text.replaceAll('<', '&lt;');
}

/** Markdown: a link's address must not hide behind a name. */
export function neutralizeMarkdownLinks(text: string): string {
  return text.replaceAll('](', `]${ZERO_WIDTH_SPACE}(`);
}

/** Mattermost, Rocket.Chat and the like: words that call everybody, and links with a name. */
export function neutralizeAtWords(text: string): string {
  return neutralizeMarkdownLinks(text).replaceAll(
    /@(?=(?:all|channel|here|everyone|room|team)\b)/gi,
    `@${ZERO_WIDTH_SPACE}`,
  );
}

/** Webex, WeChat Work, Feishu, Google Chat: mentions are tags, `<@all>`, `<at id=all>`, `<users/all>`. */
export function neutralizeTags(text: string): string {
  return neutralizeMarkdownLinks(text).replaceAll(
    /<(?=\/?(?:@|at\b|font\b|users\/|https?:))/gi,
    `<${ZERO_WIDTH_SPACE}`,
  );
}

/** Zulip: `@**all**`, `@*group*`, `@_**name**`. */
export function neutralizeZulip(text: string): string {
  return neutralizeMarkdownLinks(text).replaceAll(/@(?=_?\*)/g, `@${ZERO_WIDTH_SPACE}`);
}

const MARKDOWN = /[\\`*_[\]<>#|~]/g;

/** A text of which Markdown shows every character as it is. */
export function escapeMarkdown(text: string): string {
  return text.replaceAll(MARKDOWN, String.raw`\$&`);
}
