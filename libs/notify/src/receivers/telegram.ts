import { Secret } from '#libs/yaml-config';
import { DeliveryError } from '../delivery/delivery-error.ts';
import { type HttpAnswer, judgeHttpAnswer } from '../delivery/http-verdict.ts';
import { type HttpReceiver, jsonBody } from '../http/http-receiver.ts';
import { type FormPart, multipartBody } from '../http/multipart.ts';
import { readJsonObject } from '../http/json-answer.ts';
import { clipCharacters } from '../message/clip.ts';
import { joinUrl } from './join-url.ts';
import type { SettingsOf } from './settings-of.ts';

const MAX_TEXT = 4_096;
const MAX_CAPTION = 1_024;

/** Telegram: a bot's message. */
export const telegramReceiver: HttpReceiver<SettingsOf<'telegram'>> = {
  isHtml: (settings) => settings.parse_mode === 'HTML',
  *converse(scope) {
    const { settings } = scope;
    const chat = settings.chat_id_file?.reveal() ?? settings.chat_id ?? '';
    const full = scope.text('message');
    const text = clipCharacters(full, MAX_TEXT);
    // A text that was cut may end within a tag, which Telegram refuses.
    const mode = text === full ? settings.parse_mode : '';
    const plain = mode === settings.parse_mode ? text : clipCharacters(withoutTags(full), MAX_TEXT);
    const path = `bot${settings.bot_token.reveal()}/sendMessage`;
    yield {
      url: new Secret(joinUrl(settings.api_url, path)),
      ...jsonBody({
        chat_id: chat,
        text: plain,
        ...(mode === '' ? {} : { parse_mode: mode }),
        disable_web_page_preview: 'true',
        ...(settings.message_thread_id === null
          ? {}
          : { message_thread_id: String(settings.message_thread_id) }),
        ...(settings.disable_notifications ? { disable_notification: 'true' } : {}),
      }),
      judge: judgeTelegram,
    };
    if (scope.chart === null) return;
    const parts: FormPart[] = [{ name: 'chat_id', content: chat }];
    if (settings.message_thread_id !== null) {
      parts.push({ name: 'message_thread_id', content: String(settings.message_thread_id) });
    }
    // The text has made its noise.
    parts.push(
      { name: 'disable_notification', content: 'true' },
      { name: 'caption', content: clipCharacters(scope.chart.description, MAX_CAPTION) },
      {
        name: 'photo',
        content: scope.chart.png,
        file: { name: 'chart.png', type: 'image/png' },
      },
    );
    const photo = `bot${settings.bot_token.reveal()}/sendPhoto`;
    yield {
      url: new Secret(joinUrl(settings.api_url, photo)),
      ...multipartBody(parts, scope.notification.id),
      isExtra: true,
    };
  },
};

/** Telegram says in the body how long to stay away. */
function judgeTelegram(answer: HttpAnswer, nowMs: number): DeliveryError | null {
  const error = judgeHttpAnswer(answer, nowMs);
  if (error?.code !== 'rate_limited') return error;
  const parameters = readJsonObject(answer.body)['parameters'];
  const seconds =
    typeof parameters === 'object' && parameters !== null && 'retry_after' in parameters
      ? Number(parameters.retry_after)
      : Number.NaN;
  if (!(seconds > 0 && seconds < 86_400)) return error;
  return new DeliveryError('rate_limited', error.message, { retryAfterMs: seconds * 1_000 });
}

const ENTITIES: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  amp: '&',
  quot: '"',
  '#34': '"',
  '#39': "'",
  '#43': '+',
};

function withoutTags(html: string): string {
  return html
    .replaceAll(/<\/?[a-z][^>]*>/gi, '')
    .replaceAll(/&(#?\w+);/g, (whole, name: string) => ENTITIES[name] ?? whole);
}
