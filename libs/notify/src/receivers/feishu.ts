import { createHmac } from 'node:crypto';
import { DeliveryError } from '../delivery/delivery-error.ts';
import { printable } from '../delivery/http-verdict.ts';
import { type HttpReceiver, jsonBody } from '../http/http-receiver.ts';
import { readJsonObject, textOf } from '../http/json-answer.ts';
import { byteLength, clipBytes, clipCharacters } from '../message/clip.ts';
import { neutralizeTags } from '../message/neutralize.ts';
import { toOneLine } from '../message/one-line.ts';
import { renderTitle } from '../message/plain-text.ts';
import { renderStyled } from '../message/styled-text.ts';
import { SIMPLE_MARKDOWN_STYLE } from '../message/text-styles.ts';
import type { SettingsOf } from './settings-of.ts';

const MAX_TITLE = 200;
/** Feishu refuses requests of more than 20 KiB. */
const MAX_TEXT_BYTES = 17_000;

const TOO_FAST = new Set([9_499, 11_232]);

/** Feishu, abroad called Lark: a card of a group's robot, signed if it has a secret. */
export const feishuReceiver: HttpReceiver<SettingsOf<'feishu'>> = {
  neutralize: neutralizeTags,
  *converse(scope) {
    const { settings, isFiring, nowMs } = scope;
    const group = scope.describe();
    const title = toOneLine(scope.textOr('title', () => renderTitle(group)));
    const message = scope.textOr('message', () =>
      renderStyled(group, SIMPLE_MARKDOWN_STYLE, {
        max: MAX_TEXT_BYTES,
        measure: byteLength,
        hasBanner: false,
      }),
    );
    const answer = yield {
      url: settings.webhook_url,
      ...jsonBody({
        ...(settings.secret === null ? {} : signature(settings.secret.reveal(), nowMs)),
        msg_type: 'interactive',
        card: {
          header: {
            title: { tag: 'plain_text', content: clipCharacters(title, MAX_TITLE) },
            template: isFiring ? 'red' : 'green',
          },
          elements: [
            {
              tag: 'div',
              text: { tag: 'lark_md', content: clipBytes(message, MAX_TEXT_BYTES) },
            },
          ],
        },
      }),
      wantsBody: true,
    };
    const { code: given, msg } = readJsonObject(answer.body);
    const code = Number(given ?? 0);
    if (code === 0) return;
    const words = `Feishu refuses with ${code}: ${printable(textOf(msg))}`;
    throw new DeliveryError(TOO_FAST.has(code) ? 'rate_limited' : 'rejected', words);
  },
};

/** Feishu signs nothing with time and secret as the key. */
function signature(secret: string, nowMs: number): { timestamp: string; sign: string } {
  const timestamp = String(Math.floor(nowMs / 1_000));
  const sign = createHmac('sha256', `${timestamp}\n${secret}`).update('').digest('base64');
  return { timestamp, sign };
}
