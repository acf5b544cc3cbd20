import { Secret } from '#libs/yaml-config';
import { DeliveryError } from '../delivery/delivery-error.ts';
import { printable } from '../delivery/http-verdict.ts';
import { type HttpReceiver, jsonBody } from '../http/http-receiver.ts';
import { readJsonObject, textOf } from '../http/json-answer.ts';
import { clipBytes } from '../message/clip.ts';
import { neutralizeTags } from '../message/neutralize.ts';
import { joinUrl } from './join-url.ts';
import type { SettingsOf } from './settings-of.ts';

const MAX_CONTENT_BYTES = 2_048;
/** WeChat lends tokens for two hours. */
const TOKEN_LIFE_S = 7_200;
const MARGIN_MS = 5 * 60_000;

const BUSY = -1;
const RATE_LIMITED = new Set([45_009, 45_033]);
const BAD_TOKEN = new Set([40_001, 40_014, 42_001]);

/** WeChat Work: a message of an application; its token is asked for first and kept. */
export const wechatReceiver: HttpReceiver<SettingsOf<'wechat'>> = {
  neutralize: neutralizeTags,
  *converse(scope) {
    const { settings, tokens, nowMs } = scope;
    const corpId = scope.required(settings.corp_id, 'corp_id');
    const secret = settings.api_secret.reveal();
    const key = JSON.stringify([settings.api_url, corpId, secret]);
    let token = tokens.get(key, nowMs);
    if (token === null) {
      const query = new URLSearchParams({ corpid: corpId, corpsecret: secret });
      const answer = yield {
        method: 'GET',
        url: new Secret(joinUrl(settings.api_url, `gettoken?${query.toString()}`)),
        wantsBody: true,
      };
      const lent = readJsonObject(answer.body);
      judge(lent);
      const text = textOf(lent['access_token']);
      if (text === '') throw new DeliveryError('server_error', 'WeChat gave no token');
      token = new Secret(text);
      const life = typeof lent['expires_in'] === 'number' ? lent['expires_in'] : TOKEN_LIFE_S;
      tokens.put(key, token, nowMs + life * 1_000 - MARGIN_MS);
    }
    const content = clipBytes(scope.text('message'), MAX_CONTENT_BYTES);
    const isText = settings.message_type === 'text';
    const query = new URLSearchParams({ access_token: token.reveal() });
    const answer = yield {
      url: new Secret(joinUrl(settings.api_url, `message/send?${query.toString()}`)),
      ...jsonBody({
        text: { content: isText ? content : '' },
        markdown: { content: isText ? '' : content },
        ...present({
          touser: scope.text('to_user'),
          toparty: scope.text('to_party'),
          totag: scope.text('to_tag'),
          agentid: scope.text('agent_id'),
        }),
        safe: '0',
        msgtype: settings.message_type,
      }),
      wantsBody: true,
    };
    const result = readJsonObject(answer.body);
    if (BAD_TOKEN.has(Number(result['errcode']))) tokens.drop(key);
    judge(result);
  },
};

function present(members: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(members).filter(([, text]) => text !== ''));
}

/** WeChat answers 200 whatever comes of it. @throws DeliveryError */
function judge({ errcode, errmsg }: Readonly<Record<string, unknown>>): void {
  const code = Number(errcode ?? 0);
  if (code === 0) return;
  const message = `WeChat refuses with ${code}: ${printable(textOf(errmsg))}`;
  if (RATE_LIMITED.has(code)) throw new DeliveryError('rate_limited', message);
  // With a new token the next attempt may do better.
  const isPassing = code === BUSY || BAD_TOKEN.has(code);
  throw new DeliveryError(isPassing ? 'server_error' : 'rejected', message);
}
