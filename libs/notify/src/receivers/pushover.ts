import { type HttpReceiver } from '../http/http-receiver.ts';
import { clipCharacters } from '../message/clip.ts';
import { filledOnly } from './attachment-fields.ts';
import { formBody } from './form-body.ts';
import type { SettingsOf } from './settings-of.ts';

const API = 'https://api.pushover.net/1/messages.json';
const MAX_TITLE = 250;
const MAX_MESSAGE = 1_024;
const MAX_URL = 512;
const MAX_URL_TITLE = 100;

/** Pushover: a message to a user's devices; one of priority 2 is repeated until somebody has seen it. */
export const pushoverReceiver: HttpReceiver<SettingsOf<'pushover'>> = {
  isHtml: (settings) => settings.html,
  *converse(scope) {
    const { settings } = scope;
    const message = clipCharacters(scope.text('message').trim(), MAX_MESSAGE);
    const priority = scope.text('priority').trim();
    yield {
      url: API,
      ...formBody({
        ...filledOnly({
          title: clipCharacters(scope.text('title'), MAX_TITLE),
          url: clipCharacters(scope.text('url'), MAX_URL),
          url_title: clipCharacters(scope.text('url_title'), MAX_URL_TITLE),
          device: scope.text('device'),
          sound: scope.text('sound'),
        }),
        token: scope.requiredSecret(settings.token, 'token').reveal(),
        user: scope.requiredSecret(settings.user_key, 'user_key').reveal(),
        // Pushover refuses messages without a text.
        message: message === '' ? '(no details)' : message,
        priority,
        ...(priority === '2'
          ? { retry: seconds(settings.retryMs), expire: seconds(settings.expireMs) }
          : {}),
        ...(settings.ttlMs > 0 ? { ttl: seconds(settings.ttlMs) } : {}),
        ...(settings.html ? { html: '1' } : {}),
        ...(settings.monospace ? { monospace: '1' } : {}),
        timestamp: seconds(scope.notification.createdAtMs),
      }),
    };
  },
};

function seconds(timeMs: number): string {
  return String(Math.ceil(timeMs / 1_000));
}
