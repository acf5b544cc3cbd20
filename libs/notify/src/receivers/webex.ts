import { type HttpReceiver, jsonBody } from '../http/http-receiver.ts';
import { clipBytes } from '../message/clip.ts';
import { neutralizeTags } from '../message/neutralize.ts';
import type { SettingsOf } from './settings-of.ts';

const MAX_MARKDOWN_BYTES = 7_439;

/** Webex: a bot's message in a room. */
export const webexReceiver: HttpReceiver<SettingsOf<'webex'>> = {
  neutralize: neutralizeTags,
  *converse(scope) {
    yield {
      url: scope.settings.api_url,
      ...jsonBody({
        markdown: clipBytes(scope.text('message'), MAX_MARKDOWN_BYTES),
        roomId: scope.required(scope.settings.room_id, 'room_id'),
      }),
    };
  },
};
