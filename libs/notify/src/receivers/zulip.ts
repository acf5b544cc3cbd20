import { type HttpReceiver } from '../http/http-receiver.ts';
import { clipCharacters } from '../message/clip.ts';
import { neutralizeZulip } from '../message/neutralize.ts';
import { toOneLine } from '../message/one-line.ts';
import { renderStyled } from '../message/styled-text.ts';
import { SIMPLE_MARKDOWN_STYLE } from '../message/text-styles.ts';
import { basicCredentials } from '../http/basic-credentials.ts';
import { formBody } from './form-body.ts';
import { joinUrl } from './join-url.ts';
import type { SettingsOf } from './settings-of.ts';

const MAX_TOPIC = 60;
const MAX_CONTENT = 10_000;

/** Zulip: a message of a bot in a stream; by default each group of alerts has a topic of its own. */
export const zulipReceiver: HttpReceiver<SettingsOf<'zulip'>> = {
  neutralize: neutralizeZulip,
  *converse(scope) {
    const { settings } = scope;
    const group = scope.describe();
    const topic = toOneLine(scope.textOr('topic', () => group.headline)) || 'alerts';
    const content = scope.textOr('message', () =>
      renderStyled(group, SIMPLE_MARKDOWN_STYLE, { max: MAX_CONTENT }),
    );
    const { headers = [], ...rest } = formBody({
      type: 'stream',
      to: scope.required(settings.stream, 'stream'),
      topic: clipCharacters(topic, MAX_TOPIC),
      content: clipCharacters(content, MAX_CONTENT),
    });
    yield {
      url: joinUrl(settings.api_url, 'api/v1/messages'),
      ...rest,
      headers: [
        ...headers,
        ['Authorization', basicCredentials(settings.bot_email, settings.api_key.reveal())],
      ],
    };
  },
};
