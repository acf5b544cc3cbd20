import { Secret } from '#libs/yaml-config';
import { DeliveryError } from '../delivery/delivery-error.ts';
import { type HttpAnswer, judgeHttpAnswer, printable } from '../delivery/http-verdict.ts';
import { type HttpReceiver, jsonBody, type ReceiverCall } from '../http/http-receiver.ts';
import { readJsonObject, textOf } from '../http/json-answer.ts';
import type { MessageScope } from '../http/message-scope.ts';
import type { Revealed } from '../http/revealed.ts';
import { clipCharacters } from '../message/clip.ts';
import { neutralizeSlack } from '../message/neutralize.ts';
import { attachmentFields, filledOnly } from './attachment-fields.ts';
import type { SettingsOf } from './settings-of.ts';

type Scope = MessageScope<SettingsOf<'slack'>>;

/** Slack cuts longer ones without saying so. */
const MAX_TITLE = 1_024;
const MAX_TEXT = 7_500;

/** Slack's words for a fault that passes. */
const PASSING = new Set([
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
]);
const RATE_LIMITED = new Set(['ratelimited', 'rate_limited', 'message_limit_exceeded']);
const UNAUTHORIZED = new Set([
  'invalid_auth',
  'not_authed',
  'account_inactive',
  'token_revoked',
  'token_expired',
  'no_permission',
  'missing_scope',
]);
/** What is left of a message that somebody deleted. */
const GONE = new Set(['message_not_found', 'cant_update_message', 'edit_window_closed']);

/** Slack: an incoming webhook, or `chat.postMessage` with a bot's token, which can update and use threads. */
export const slackReceiver: HttpReceiver<SettingsOf<'slack'>> = {
  neutralize: neutralizeSlack,
  *converse(scope) {
    const { settings, memory } = scope;
    const message = slackMessage(scope);
    if (!settings.isBot) {
      yield { url: addressOf(settings), ...jsonBody(message) };
      return;
    }
    const known = memory === null ? null : readJsonObject(memory);
    const place = { channel: textOf(known?.['channel']), ts: textOf(known?.['ts']) };
    const isKnown = place.channel !== '' && place.ts !== '';
    if (isKnown && settings.update_message) {
      const url = addressOf(settings)
        .reveal()
        .replace(/chat\.postMessage$/, 'chat.update');
      const answer = yield botCall(settings, new Secret(url), {
        ...message,
        channel: place.channel,
        ts: place.ts,
      });
      const { ok, error } = readJsonObject(answer.body);
      if (ok === true || !GONE.has(textOf(error))) {
        judgeBody(answer.body);
        if (!scope.isFiring) scope.remembered = null;
        return;
      }
    }
    const thread = isKnown && settings.thread_replies ? { thread_ts: place.ts } : {};
    const answer = yield botCall(settings, addressOf(settings), { ...message, ...thread });
    judgeBody(answer.body);
    const { channel, ts } = readJsonObject(answer.body);
    if (settings.update_message || settings.thread_replies) {
      if (!scope.isFiring) scope.remembered = null;
      else if (!('thread_ts' in thread)) scope.remembered = JSON.stringify({ channel, ts });
    }
    yield* sendChart(
      scope,
      textOf(channel),
      place.ts !== '' && settings.thread_replies ? place.ts : textOf(ts),
    );
  },
};

/** Puts the picture into the thread of a message; it takes the scope `files:write`. */
function* sendChart(
  { settings, chart }: Scope,
  channel: string,
  thread: string,
): Generator<ReceiverCall, void, HttpAnswer> {
  if (chart === null || channel === '' || thread === '') return;
  const api = (method: string) =>
    new Secret(
      addressOf(settings)
        .reveal()
        .replace(/chat\.postMessage$/, method),
    );
  const extra = { isExtra: true, judge: judgeExtra };
  const form = new URLSearchParams({
    filename: 'chart.png',
    length: String(chart.png.length),
    alt_txt: chart.description,
  });
  const { body: _json, ...head } = botCall(settings, api('files.getUploadURLExternal'), {});
  const asked = yield {
    ...head,
    headers:
      head.headers?.map(([name, value]) => [
        name,
        name === 'Content-Type' ? 'application/x-www-form-urlencoded' : value,
      ]) ?? [],
    body: form.toString(),
    ...extra,
  };
  const { upload_url: uploadUrl, file_id: id } = readJsonObject(asked.body);
  if (!isUploadUrl(textOf(uploadUrl), addressOf(settings).reveal())) return;
  const uploaded = yield {
    url: new Secret(textOf(uploadUrl)),
    headers: [['Content-Type', 'application/octet-stream']],
    body: chart.png,
    isExtra: true,
  };
  if (uploaded.status === 0) return;
  const complete = {
    files: [{ id: textOf(id), title: chart.description }],
    channel_id: channel,
    thread_ts: thread,
  };
  yield { ...botCall(settings, api('files.completeUploadExternal'), complete), ...extra };
}

/** Whether an address to upload to is Slack's, or that of the server we speak to in its place. */
function isUploadUrl(address: string, apiAddress: string): boolean {
  const url = URL.parse(address);
  if (url === null) return false;
  if (url.origin === URL.parse(apiAddress)?.origin) return true;
  return url.protocol === 'https:' && /(^|\.)slack\.com$/.test(url.hostname);
}

function judgeExtra(answer: HttpAnswer, nowMs: number): DeliveryError | null {
  const refusal = judgeHttpAnswer(answer, nowMs);
  if (refusal !== null) return refusal;
  const { ok, error } = readJsonObject(answer.body);
  if (ok !== false) return null;
  return new DeliveryError('rejected', `Slack refuses the picture: ${printable(textOf(error))}`);
}

function addressOf({ api_url: url, app_url: appUrl }: Revealed<SettingsOf<'slack'>>): Secret {
  return url ?? new Secret(appUrl);
}

function botCall(
  { app_token: token }: Revealed<SettingsOf<'slack'>>,
  url: Secret,
  message: object,
): ReceiverCall {
  const { headers, ...rest } = jsonBody(message);
  return {
    url,
    ...rest,
    headers:
      token === null
        ? headers
        : [...headers, ['Authorization', new Secret(`Bearer ${token.reveal()}`)]],
    wantsBody: true,
    judge: judgeHttpAnswer,
  };
}

/** A bot's requests are answered with 200 whatever comes of them. @throws DeliveryError */
function judgeBody(body: string): void {
  const { ok, error } = readJsonObject(body);
  // Servers that speak like Slack may answer with a plain text.
  if (ok !== false) return;
  const word = textOf(error);
  const message = `Slack refuses: ${printable(word) || 'without a reason'}`;
  if (RATE_LIMITED.has(word)) throw new DeliveryError('rate_limited', message);
  if (PASSING.has(word)) throw new DeliveryError('server_error', message);
  throw new DeliveryError(UNAUTHORIZED.has(word) ? 'unauthorized' : 'rejected', message);
}

function slackMessage(scope: Scope): object {
  const { settings } = scope;
  const attachment = {
    ...filledOnly({
      pretext: scope.text('pretext'),
      image_url: scope.text('image_url'),
      thumb_url: scope.text('thumb_url'),
    }),
    title: clipCharacters(scope.text('title'), MAX_TITLE),
    title_link: scope.text('title_link'),
    text: clipCharacters(scope.text('text'), MAX_TEXT),
    fallback: scope.text('fallback'),
    callback_id: scope.text('callback_id'),
    footer: scope.text('footer'),
    color: scope.text('color'),
    mrkdwn_in: settings.mrkdwn_in,
    ...attachmentFields(scope, settings.fields, settings.short_fields),
    ...(settings.actions.length === 0 ? {} : { actions: settings.actions.map(actionOf(scope)) }),
  };
  return {
    channel: scope.text('channel'),
    username: scope.text('username'),
    ...filledOnly({
      text: scope.text('message_text'),
      icon_emoji: scope.text('icon_emoji'),
      icon_url: scope.text('icon_url'),
      link_names: settings.link_names,
    }),
    attachments: [attachment],
  };
}

function actionOf(scope: Scope) {
  return (action: SettingsOf<'slack'>['actions'][number], i: number): object => {
    const { confirm, ...texts } = action;
    return {
      ...expandAll(scope, texts, `actions[${i}]`),
      ...(confirm === null ? {} : { confirm: expandAll(scope, confirm, `actions[${i}].confirm`) }),
    };
  };
}

function expandAll(scope: Scope, fields: Readonly<Record<string, string>>, at: string): object {
  return filledOnly(
    Object.fromEntries(
      Object.entries(fields).map(([key, text]) => [key, scope.expand(text, `${at}.${key}`)]),
    ),
  );
}
