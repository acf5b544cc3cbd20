import { z } from 'zod';
import { complainIfBoth, filled } from '../config-checks.ts';
import { flag, list, maybe, secretText, text } from '../yaml-values.ts';
import {
  apiUrl,
  calls,
  checkSecretUrl,
  optionalFlag,
  optionalText,
  readInherited,
  readSecret,
  receiverBlock,
  required,
  requiredInherited,
  requiredSecretUrl,
  requiredText,
  templates,
  webhookUrlFields,
  webUrl,
} from './receiver-block.ts';
import { SLACK_POST_MESSAGE } from './receiver-globals.ts';

/* Places where people talk. */

const slackDefaults = {
  username: calls('slack.default.username'),
  callback_id: calls('slack.default.callbackid'),
  color: calls('slack.default.color'),
  fallback: calls('slack.default.fallback'),
  footer: calls('slack.default.footer'),
  icon_emoji: calls('slack.default.iconemoji'),
  icon_url: calls('slack.default.iconurl'),
  pretext: calls('slack.default.pretext'),
  text: calls('slack.default.text'),
  title: calls('slack.default.title'),
  title_link: calls('slack.default.titlelink'),
};

const slackAction = z.strictObject({
  type: optionalText,
  text: optionalText,
  url: optionalText,
  style: optionalText,
  name: optionalText,
  value: optionalText,
  confirm: maybe(
    z.strictObject({
      text: optionalText,
      title: optionalText,
      ok_text: optionalText,
      dismiss_text: optionalText,
    }),
  ),
});

const attachmentField = z.strictObject({
  title: optionalText,
  value: optionalText,
  short: maybe(flag),
});

export const slackBlock = receiverBlock({
  kind: 'slack',
  sendsResolved: false,
  defaults: slackDefaults,
  fields: {
    ...templates(slackDefaults),
    api_url: maybe(secretText),
    api_url_file: maybe(text),
    app_token: maybe(secretText),
    app_token_file: maybe(text),
    app_url: maybe(text),
    channel: optionalText,
    message_text: optionalText,
    image_url: optionalText,
    thumb_url: optionalText,
    link_names: optionalFlag,
    short_fields: optionalFlag,
    mrkdwn_in: maybe(list(text)),
    fields: list(attachmentField),
    actions: list(slackAction),
    update_message: optionalFlag,
    thread_replies: optionalFlag,
  },
  read: (raw, scope) => {
    const { path, complain, global } = scope;
    const ownUrl = readSecret(raw, 'api_url', scope);
    const ownToken = readSecret(raw, 'app_token', scope);
    if (ownUrl !== null && ownToken !== null) {
      complain([...path, 'app_token'], 'at most one of api_url and app_token is accepted');
    }
    // A bot's token may also come as credentials of the http_config, with the global URL.
    const hasOwnAuthorization = scope.http !== null && scope.http.authorization !== null;
    const globalToken =
      ownUrl === null && !hasOwnAuthorization
        ? readInherited(raw, 'app_token', 'slack_app_token', scope)
        : null;
    const token = ownToken ?? globalToken;
    const appUrl = webUrl(
      raw.app_url ?? global?.slack_app_url,
      SLACK_POST_MESSAGE,
      'app_url',
      scope,
    );
    const url = token === null ? readInherited(raw, 'api_url', 'slack_api_url', scope) : null;
    if (token === null) {
      required(url, 'there is no Slack API URL and no app token, neither here nor globally', scope);
      checkSecretUrl(ownUrl, 'api_url', scope);
    }
    const isBot =
      token !== null ||
      (url?.kind === 'inline' && url.secret.reveal().endsWith('/api/chat.postMessage'));
    for (const key of ['update_message', 'thread_replies'] as const) {
      if (raw[key] && !isBot) {
        complain(
          [...path, key],
          `needs a bot token: an app_token, or api_url ${SLACK_POST_MESSAGE}`,
        );
      }
    }
    for (const [i, field] of raw.fields.entries()) {
      requiredText(field.title, 'title', { ...scope, path: [...path, 'fields', i] });
      requiredText(field.value, 'value', { ...scope, path: [...path, 'fields', i] });
    }
    for (const [i, action] of raw.actions.entries()) {
      const at = [...path, 'actions', i];
      if (action.type === '') complain(at, '"type" is missing');
      if (action.text === '') complain(at, '"text" is missing');
      if (action.url === '' && action.name === '') complain(at, 'one of url and name is missing');
      if (action.confirm !== null && action.confirm.text === '') {
        complain([...at, 'confirm'], '"text" is missing');
      }
    }
    return {
      ...raw,
      api_url: url,
      app_token: token,
      app_url: appUrl,
      isBot,
      mrkdwn_in: raw.mrkdwn_in ?? ['fallback', 'pretext', 'text'],
    };
  },
});

const discordDefaults = {
  title: calls('discord.default.title'),
  message: calls('discord.default.message'),
  content: calls('discord.default.content'),
};

export const discordBlock = receiverBlock({
  kind: 'discord',
  sendsResolved: true,
  defaults: discordDefaults,
  fields: {
    ...templates(discordDefaults),
    ...webhookUrlFields,
    username: optionalText,
    avatar_url: optionalText,
  },
  read: (raw, scope) => ({
    ...raw,
    webhook_url: requiredSecretUrl(raw, 'webhook_url', scope),
  }),
});

const msteamsDefaults = {
  title: calls('msteams.default.title'),
  summary: calls('msteams.default.summary'),
  text: calls('msteams.default.text'),
};

export const msteamsBlock = receiverBlock({
  kind: 'msteams',
  sendsResolved: true,
  defaults: msteamsDefaults,
  fields: {
    ...templates(msteamsDefaults),
    ...webhookUrlFields,
  },
  read: (raw, scope) => ({
    ...raw,
    webhook_url: requiredSecretUrl(raw, 'webhook_url', scope),
  }),
});

const msteamsv2Defaults = {
  title: calls('msteamsv2.default.title'),
  text: calls('msteamsv2.default.text'),
};

export const msteamsv2Block = receiverBlock({
  kind: 'msteamsv2',
  sendsResolved: true,
  defaults: msteamsv2Defaults,
  fields: {
    ...templates(msteamsv2Defaults),
    ...webhookUrlFields,
  },
  read: (raw, scope) => ({
    ...raw,
    webhook_url: requiredSecretUrl(raw, 'webhook_url', scope),
  }),
});

const telegramDefaults = { message: calls('telegram.default.message') };

/** Telegram's ids of chats are numbers, of channels names such as `@ops`. */
const chatId = z.union([z.int(), z.string()]).transform(String);

export const telegramBlock = receiverBlock({
  kind: 'telegram',
  sendsResolved: true,
  defaults: telegramDefaults,
  fields: {
    ...templates(telegramDefaults),
    api_url: maybe(text),
    bot_token: maybe(secretText),
    bot_token_file: maybe(text),
    chat_id: maybe(chatId),
    chat_id_file: maybe(text),
    message_thread_id: maybe(z.int()),
    disable_notifications: optionalFlag,
    parse_mode: maybe(
      z.enum(['', 'Markdown', 'MarkdownV2', 'HTML'], {
        error: 'expected Markdown, MarkdownV2, HTML or an empty text',
      }),
    ),
  },
  read: (raw, scope) => {
    complainIfBoth(raw, ['chat_id', 'chat_id_file'], scope.path, scope.complain);
    const chatFile = filled(raw.chat_id_file);
    const hasChat = raw.chat_id !== null && raw.chat_id !== '' && raw.chat_id !== '0';
    if (!hasChat && chatFile === null) scope.complain(scope.path, '"chat_id" is missing');
    return {
      ...raw,
      bot_token: required(
        readInherited(raw, 'bot_token', 'telegram_bot_token', scope),
        'one of bot_token and bot_token_file is missing, and there is no global telegram_bot_token',
        scope,
      ),
      chat_id: raw.chat_id,
      chat_id_file: chatFile === null ? null : ({ kind: 'file', path: chatFile } as const),
      parse_mode: raw.parse_mode ?? 'HTML',
      api_url: apiUrl(raw, 'telegram_api_url', 'https://api.telegram.org', scope),
    };
  },
});

const mattermostDefaults = {
  username: calls('mattermost.default.username'),
  color: calls('mattermost.default.color'),
  fallback: calls('mattermost.default.fallback'),
  text: calls('mattermost.default.text'),
  title: calls('mattermost.default.title'),
  title_link: calls('mattermost.default.titlelink'),
};

export const mattermostBlock = receiverBlock({
  kind: 'mattermost',
  sendsResolved: true,
  defaults: mattermostDefaults,
  fields: {
    ...templates(mattermostDefaults),
    ...webhookUrlFields,
    channel: optionalText,
    icon_url: optionalText,
    icon_emoji: optionalText,
    pretext: optionalText,
    author_name: optionalText,
    author_link: optionalText,
    author_icon: optionalText,
    thumb_url: optionalText,
    image_url: optionalText,
    footer: optionalText,
    footer_icon: optionalText,
    fields: list(attachmentField),
    priority: maybe(
      z.strictObject({
        priority: optionalText,
        requested_ack: optionalFlag,
        persistent_notifications: optionalFlag,
      }),
    ),
    props: maybe(z.strictObject({ card: optionalText })),
  },
  read: (raw, scope) => ({
    ...raw,
    webhook_url: required(
      checkSecretUrl(
        readInherited(raw, 'webhook_url', 'mattermost_webhook_url', scope),
        'webhook_url',
        scope,
      ),
      'one of webhook_url and webhook_url_file is missing',
      scope,
    ),
  }),
});

const rocketchatDefaults = {
  color: '{{ if eq .Status "firing" }}red{{ else }}green{{ end }}',
  emoji: calls('rocketchat.default.emoji'),
  icon_url: calls('rocketchat.default.iconurl'),
  text: calls('rocketchat.default.text'),
  title: calls('rocketchat.default.title'),
  title_link: calls('rocketchat.default.titlelink'),
};

export const rocketchatBlock = receiverBlock({
  kind: 'rocketchat',
  sendsResolved: false,
  defaults: rocketchatDefaults,
  fields: {
    ...templates(rocketchatDefaults),
    api_url: maybe(text),
    channel: optionalText,
    token: maybe(secretText),
    token_file: maybe(text),
    token_id: maybe(secretText),
    token_id_file: maybe(text),
    image_url: optionalText,
    thumb_url: optionalText,
    link_names: optionalFlag,
    short_fields: optionalFlag,
    fields: list(attachmentField),
    actions: list(
      z.strictObject({
        type: optionalText,
        text: optionalText,
        url: optionalText,
        msg: optionalText,
      }),
    ),
  },
  read: (raw, scope) => ({
    ...raw,
    token: requiredInherited(raw, 'token', 'rocketchat_token', scope),
    token_id: requiredInherited(raw, 'token_id', 'rocketchat_token_id', scope),
    api_url: apiUrl(raw, 'rocketchat_api_url', 'https://open.rocket.chat/', scope),
  }),
});

const webexDefaults = { message: calls('webex.default.message') };

export const webexBlock = receiverBlock({
  kind: 'webex',
  sendsResolved: true,
  defaults: webexDefaults,
  fields: { ...templates(webexDefaults), api_url: maybe(text), room_id: maybe(text) },
  read: (raw, scope) => {
    if (scope.http === null || scope.http.authorization === null) {
      scope.complain(scope.path, '"http_config.authorization" is missing: the token of the bot');
    }
    return {
      ...raw,
      room_id: requiredText(raw.room_id, 'room_id', scope),
      api_url: apiUrl(raw, 'webex_api_url', 'https://webexapis.com/v1/messages', scope),
    };
  },
});

const wechatDefaults = {
  message: calls('wechat.default.message'),
  agent_id: calls('wechat.default.agent_id'),
  to_user: calls('wechat.default.to_user'),
  to_party: calls('wechat.default.to_party'),
  to_tag: calls('wechat.default.to_tag'),
};

export const wechatBlock = receiverBlock({
  kind: 'wechat',
  sendsResolved: false,
  defaults: wechatDefaults,
  fields: {
    ...templates(wechatDefaults),
    api_url: maybe(text),
    api_secret: maybe(secretText),
    api_secret_file: maybe(text),
    corp_id: maybe(text),
    message_type: maybe(z.enum(['', 'text', 'markdown'], { error: 'expected text or markdown' })),
  },
  read: (raw, scope) => {
    const corpId = filled(raw.corp_id) ?? filled(scope.global?.wechat_api_corp_id);
    if (corpId === null) {
      scope.complain(scope.path, '"corp_id" is missing, and there is no global wechat_api_corp_id');
    }
    return {
      ...raw,
      corp_id: corpId ?? '',
      message_type: filled(raw.message_type) ?? 'text',
      api_secret: requiredInherited(raw, 'api_secret', 'wechat_api_secret', scope),
      api_url: apiUrl(raw, 'wechat_api_url', 'https://qyapi.weixin.qq.com/cgi-bin/', scope),
    };
  },
});
