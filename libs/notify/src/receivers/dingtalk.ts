import { createHmac } from 'node:crypto';
import { Secret } from '#libs/yaml-config';
import { DeliveryError } from '../delivery/delivery-error.ts';
import { printable } from '../delivery/http-verdict.ts';
import { type HttpReceiver, jsonBody } from '../http/http-receiver.ts';
import { readJsonObject, textOf } from '../http/json-answer.ts';
import { byteLength, clipBytes, clipCharacters } from '../message/clip.ts';
import { neutralizeMarkdownLinks } from '../message/neutralize.ts';
import { toOneLine } from '../message/one-line.ts';
import { renderTitle } from '../message/plain-text.ts';
import { renderStyled } from '../message/styled-text.ts';
import { SIMPLE_MARKDOWN_STYLE } from '../message/text-styles.ts';
import { toUrl } from './join-url.ts';
import type { SettingsOf } from './settings-of.ts';

const MAX_TITLE = 200;
/** DingTalk refuses messages of more than 20,000 bytes. */
const MAX_TEXT_BYTES = 18_000;

const BUSY = -1;
const TOO_FAST = new Set([130_101, 410_100, 430_101, 660_026]);

/** DingTalk: Markdown of a group's robot, signed if it has a secret. */
export const dingtalkReceiver: HttpReceiver<SettingsOf<'dingtalk'>> = {
  neutralize: neutralizeMarkdownLinks,
  *converse(scope) {
    const { settings, nowMs } = scope;
    const group = scope.describe();
    const title = toOneLine(scope.textOr('title', () => renderTitle(group)));
    const message = scope.textOr('message', () =>
      // A single line feed is none in DingTalk's Markdown.
      renderStyled(
        group,
        { ...SIMPLE_MARKDOWN_STYLE, lineBreak: '\n\n' },
        { max: MAX_TEXT_BYTES, measure: byteLength },
      ),
    );
    const called = settings.at_mobiles.map((mobile) => `@${mobile}`).join(' ');
    const answer = yield {
      url: signedAddress(settings.webhook_url, settings.secret, nowMs),
      ...jsonBody({
        msgtype: 'markdown',
        markdown: {
          title: clipCharacters(title, MAX_TITLE),
          text: `${clipBytes(message, MAX_TEXT_BYTES)}${called === '' ? '' : `\n\n${called}`}`,
        },
        at: { atMobiles: settings.at_mobiles, isAtAll: false },
      }),
      wantsBody: true,
    };
    const { errcode, errmsg } = readJsonObject(answer.body);
    const code = Number(errcode ?? 0);
    if (code === 0) return;
    const words = `DingTalk refuses with ${code}: ${printable(textOf(errmsg))}`;
    if (TOO_FAST.has(code)) throw new DeliveryError('rate_limited', words);
    throw new DeliveryError(code === BUSY ? 'server_error' : 'rejected', words);
  },
};

function signedAddress(webhook: Secret, secret: Secret | null, nowMs: number): Secret {
  if (secret === null) return webhook;
  const key = secret.reveal();
  const url = toUrl(webhook);
  url.searchParams.set('timestamp', String(nowMs));
  url.searchParams.set(
    'sign',
    createHmac('sha256', key).update(`${nowMs}\n${key}`).digest('base64'),
  );
  return new Secret(url.href);
}
