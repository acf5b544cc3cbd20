import { Secret } from '#libs/yaml-config';
import { DeliveryError } from '../delivery/delivery-error.ts';
import { type HttpAnswer, judgeHttpAnswer } from '../delivery/http-verdict.ts';
import { type HttpReceiver, jsonBody } from '../http/http-receiver.ts';
import { readJsonObject } from '../http/json-answer.ts';
import type { MessageScope } from '../http/message-scope.ts';
import { clipCharacters } from '../message/clip.ts';
import { escapeHtml } from '../message/escape-html.ts';
import { renderStyled } from '../message/styled-text.ts';
import { HTML_STYLE, PLAIN_STYLE } from '../message/text-styles.ts';
import { joinUrl } from './join-url.ts';
import type { SettingsOf } from './settings-of.ts';

/** An event may have 65,536 bytes, and holds the text twice. */
const MAX_TEXT = 10_000;

/** Matrix: a message in a room. The notification's id is the transaction's, so a repeated attempt is not shown twice. */
export const matrixReceiver: HttpReceiver<SettingsOf<'matrix'>> = {
  *converse(scope) {
    const { settings } = scope;
    const room = scope.required(settings.room_id, 'room_id');
    const path = `_matrix/client/v3/rooms/${encodeURIComponent(room)}/send/m.room.message/${encodeURIComponent(scope.notification.id)}`;
    const { headers, ...rest } = jsonBody({
      msgtype: settings.message_type ?? 'm.text',
      ...textsOf(scope),
      // Nobody is mentioned, whatever the texts say (MSC3952).
      'm.mentions': {},
    });
    yield {
      method: 'PUT',
      url: joinUrl(settings.homeserver_url, path),
      ...rest,
      headers: [
        ...headers,
        ['Authorization', new Secret(`Bearer ${settings.access_token.reveal()}`)],
      ],
      judge: judgeMatrix,
    };
  },
};

function textsOf(scope: MessageScope<SettingsOf<'matrix'>>): object {
  const plain = () => renderStyled(scope.describe(), PLAIN_STYLE, { max: MAX_TEXT });
  const html = () => renderStyled(scope.describe(), HTML_STYLE, { max: 2 * MAX_TEXT });
  const body = clipCharacters(scope.textOr('message', plain), MAX_TEXT);
  const { message, html: ownHtml } = scope.settings;
  const formatted =
    ownHtml === null && message !== null
      ? escapeHtml(body).replaceAll('\n', '<br>')
      : scope.textOr('html', html);
  return { body, format: 'org.matrix.custom.html', formatted_body: formatted };
}

/** Matrix says in the body how long to stay away. */
function judgeMatrix(answer: HttpAnswer, nowMs: number): DeliveryError | null {
  const error = judgeHttpAnswer(answer, nowMs);
  if (error?.code !== 'rate_limited' || error.retryAfterMs !== null) return error;
  const { retry_after_ms: waitMs } = readJsonObject(answer.body);
  if (typeof waitMs !== 'number' || !(waitMs > 0 && waitMs < 86_400_000)) return error;
  return new DeliveryError('rate_limited', error.message, { retryAfterMs: waitMs });
}
