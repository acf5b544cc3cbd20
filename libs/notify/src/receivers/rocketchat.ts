import { DeliveryError } from '../delivery/delivery-error.ts';
import { printable } from '../delivery/http-verdict.ts';
import { type HttpReceiver, jsonBody } from '../http/http-receiver.ts';
import { readJsonObject, textOf } from '../http/json-answer.ts';
import { clipCharacters } from '../message/clip.ts';
import { neutralizeAtWords } from '../message/neutralize.ts';
import { attachmentFields, filledOnly } from './attachment-fields.ts';
import { joinUrl } from './join-url.ts';
import type { SettingsOf } from './settings-of.ts';

const MAX_TITLE = 1_024;
/** What Rocket.Chat allows where its administrator changed nothing. */
const MAX_TEXT = 5_000;

/** Rocket.Chat: `chat.postMessage` with a personal access token. */
export const rocketchatReceiver: HttpReceiver<SettingsOf<'rocketchat'>> = {
  neutralize: neutralizeAtWords,
  *converse(scope) {
    const { settings } = scope;
    const { headers, ...rest } = jsonBody({
      channel: scope.text('channel'),
      ...filledOnly({ emoji: scope.text('emoji'), avatar: scope.text('icon_url') }),
      attachments: [
        {
          title: clipCharacters(scope.text('title'), MAX_TITLE),
          title_link: scope.text('title_link'),
          color: scope.text('color'),
          ...filledOnly({
            text: clipCharacters(scope.text('text'), MAX_TEXT),
            image_url: scope.text('image_url'),
            thumb_url: scope.text('thumb_url'),
          }),
          ...attachmentFields(scope, settings.fields, settings.short_fields),
          ...(settings.actions.length === 0
            ? {}
            : {
                actions: settings.actions.map((action, i) =>
                  filledOnly({
                    type: 'button',
                    text: scope.expand(action.text, `actions[${i}].text`),
                    url: scope.expand(action.url, `actions[${i}].url`),
                    msg: scope.expand(action.msg, `actions[${i}].msg`),
                  }),
                ),
              }),
        },
      ],
    });
    const answer = yield {
      url: joinUrl(settings.api_url, 'api/v1/chat.postMessage'),
      ...rest,
      headers: [...headers, ['X-Auth-Token', settings.token], ['X-User-Id', settings.token_id]],
      wantsBody: true,
    };
    const { success, error } = readJsonObject(answer.body);
    if (success === false) {
      throw new DeliveryError('rejected', `Rocket.Chat refuses: ${printable(textOf(error))}`);
    }
  },
};
