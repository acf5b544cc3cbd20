import type { z } from 'zod';
import { type Complain, complainIfBoth, type Path } from '../config-checks.ts';
import { maybe, secretText, text } from '../yaml-values.ts';

/** Keys of `global` that blocks of receivers fall back to. */
export const receiverGlobalFields = {
  slack_api_url: maybe(secretText),
  slack_api_url_file: maybe(text),
  slack_app_token: maybe(secretText),
  slack_app_token_file: maybe(text),
  slack_app_url: maybe(text),
  pagerduty_url: maybe(text),
  opsgenie_api_url: maybe(text),
  opsgenie_api_key: maybe(secretText),
  opsgenie_api_key_file: maybe(text),
  wechat_api_url: maybe(text),
  wechat_api_secret: maybe(secretText),
  wechat_api_secret_file: maybe(text),
  wechat_api_corp_id: maybe(text),
  victorops_api_url: maybe(text),
  victorops_api_key: maybe(secretText),
  victorops_api_key_file: maybe(text),
  telegram_api_url: maybe(text),
  telegram_bot_token: maybe(secretText),
  telegram_bot_token_file: maybe(text),
  webex_api_url: maybe(text),
  jira_api_url: maybe(text),
  rocketchat_api_url: maybe(text),
  rocketchat_token: maybe(secretText),
  rocketchat_token_file: maybe(text),
  rocketchat_token_id: maybe(secretText),
  rocketchat_token_id_file: maybe(text),
  mattermost_webhook_url: maybe(secretText),
  mattermost_webhook_url_file: maybe(text),
};

export type RawReceiverGlobals = {
  readonly [Key in keyof typeof receiverGlobalFields]: z.output<(typeof receiverGlobalFields)[Key]>;
};

const SECRETS = [
  'slack_api_url',
  'slack_app_token',
  'opsgenie_api_key',
  'wechat_api_secret',
  'victorops_api_key',
  'telegram_bot_token',
  'rocketchat_token',
  'rocketchat_token_id',
  'mattermost_webhook_url',
] as const;

/** Where Slack's bots post; the address itself is no secret, unlike that of an incoming webhook. */
export const SLACK_POST_MESSAGE = 'https://slack.com/api/chat.postMessage';

/** Checks what several of the keys say together. */
export function checkReceiverGlobals(
  global: RawReceiverGlobals,
  path: Path,
  complain: Complain,
): void {
  for (const key of SECRETS) {
    complainIfBoth(global, [key, `${key}_file`], path, complain);
  }
  const hasToken = global.slack_app_token !== null || global.slack_app_token_file !== null;
  const hasWebhook =
    (global.slack_api_url !== null && global.slack_api_url.reveal() !== SLACK_POST_MESSAGE) ||
    global.slack_api_url_file !== null;
  if (hasToken && hasWebhook) {
    complain(
      [...path, 'slack_app_token'],
      `is not accepted together with a webhook in slack_api_url`,
    );
  }
}
