import { Secret } from '#libs/yaml-config';
import { type HttpReceiver, jsonBody } from '../http/http-receiver.ts';
import { byteLength, clipBytes } from '../message/clip.ts';
import { neutralizeTags } from '../message/neutralize.ts';
import { renderStyled } from '../message/styled-text.ts';
import { GOOGLE_CHAT_STYLE } from '../message/text-styles.ts';
import { groupKeyHash } from './group-key-hash.ts';
import { toUrl } from './join-url.ts';
import type { SettingsOf } from './settings-of.ts';

/** Google Chat refuses messages of more than 32,000 bytes. */
const MAX_BYTES = 30_000;

/** Google Chat: a text of a space's webhook, in the group's own thread if the block asks for one. */
export const googlechatReceiver: HttpReceiver<SettingsOf<'googlechat'>> = {
  neutralize: neutralizeTags,
  *converse(scope) {
    const { settings } = scope;
    const text = scope.textOr('message', () =>
      renderStyled(scope.describe(), GOOGLE_CHAT_STYLE, { max: MAX_BYTES, measure: byteLength }),
    );
    const url = toUrl(settings.webhook_url);
    if (settings.threads) {
      // Where there is no such thread yet, one begins.
      url.searchParams.set('messageReplyOption', 'REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD');
    }
    yield {
      url: new Secret(url.href),
      ...jsonBody({
        text: clipBytes(text, MAX_BYTES),
        ...(settings.threads
          ? { thread: { threadKey: groupKeyHash(scope.notification.groupKey).slice(0, 32) } }
          : {}),
      }),
    };
  },
};
