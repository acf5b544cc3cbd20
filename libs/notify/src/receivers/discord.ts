import { type HttpReceiver, jsonBody } from '../http/http-receiver.ts';
import { type HttpAnswer, judgeHttpAnswer } from '../delivery/http-verdict.ts';
import { multipartBody } from '../http/multipart.ts';
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

const CHART = 'chart.png';

/** A channel may take texts and no files. */
function isRefusedFile({ status }: HttpAnswer): boolean {
  return status === 400 || status === 403 || status === 413;
}

/** Discord: an embed of a channel's webhook. Nothing in it can call anybody. */
export const discordReceiver: HttpReceiver<SettingsOf<'discord'>> = {
  neutralize: neutralizeMarkdownLinks,
  *converse(scope) {
    const { chart } = scope;
    const message = (image: object) => ({
      content: clipCharacters(scope.text('content'), MAX_CONTENT),
      embeds: [
        {
          title: clipCharacters(scope.text('title'), MAX_TITLE),
          description: clipCharacters(scope.text('message'), MAX_DESCRIPTION),
          color: scope.isFiring ? RED : GREEN,
          ...image,
        },
      ],
      allowed_mentions: { parse: [] },
      ...filledOnly({
        username: clipCharacters(scope.text('username'), MAX_USERNAME),
        avatar_url: scope.text('avatar_url'),
      }),
    });
    if (chart !== null) {
      const image = { image: { url: `attachment://${CHART}` } };
      const form = multipartBody(
        [
          { name: 'payload_json', content: JSON.stringify(message(image)) },
          { name: 'files[0]', content: chart.png, file: { name: CHART, type: 'image/png' } },
        ],
        scope.notification.id,
      );
      const answer = yield {
        url: scope.settings.webhook_url,
        ...form,
        judge: (each, nowMs) => (isRefusedFile(each) ? null : judgeHttpAnswer(each, nowMs)),
      };
      if (!isRefusedFile(answer)) return;
    }
    yield { url: scope.settings.webhook_url, ...jsonBody(message({})) };
  },
};
