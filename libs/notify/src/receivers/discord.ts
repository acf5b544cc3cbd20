import { type HttpReceiver, jsonBody } from '../http/http-receiver.ts';
import { clipCharacters } from '../message/clip.ts';
import { neutralizeMarkdownLinks } from '../message/neutralize.ts';
import { filledOnly } from './attachment-fields.ts';
import type { SettingsOf } from './settings-of.ts';

const MAX_TITLE = 256;
const MAX_DESCRIPTION = 4_096;
const MAX_CONTENT = 2_000;
const MAX_USERNAME = 80;

const RED = 0x99_2d_22;
const GREEN = 0x2e_cc_71;

/** Discord: an embed of a channel's webhook. Nothing in it can call anybody. */
export const discordReceiver: HttpReceiver<SettingsOf<'discord'>> = {
  neutralize: neutralizeMarkdownLinks,
  *converse(scope) {
    yield {
      url: scope.settings.webhook_url,
      ...jsonBody({
        content: clipCharacters(scope.text('content'), MAX_CONTENT),
        embeds: [
          {
            title: clipCharacters(scope.text('title'), MAX_TITLE),
            description: clipCharacters(scope.text('message'), MAX_DESCRIPTION),
            color: scope.isFiring ? RED : GREEN,
          },
        ],
        allowed_mentions: { parse: [] },
        ...filledOnly({
          username: clipCharacters(scope.text('username'), MAX_USERNAME),
          avatar_url: scope.text('avatar_url'),
        }),
      }),
    };
  },
};
