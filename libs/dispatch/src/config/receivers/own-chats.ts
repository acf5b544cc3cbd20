import { z } from 'zod';
import { list, maybe, secretText, text } from '../yaml-values.ts';
import {
  optionalFlag,
  optionalText,
  readSecret,
  receiverBlock,
  requiredSecret,
  requiredSecretUrl,
  requiredText,
  webhookUrlFields,
  webUrl,
} from './receiver-block.ts';

/*
 * Chat programs that Alertmanager does not know. Their blocks look like its own; a title or a message that is not given
 * is written by us, laid out for the program.
 */

export const googlechatBlock = receiverBlock({
  kind: 'googlechat',
  sendsResolved: true,
  defaults: {},
  fields: {
    ...webhookUrlFields,
    message: maybe(text),
    threads: optionalFlag,
  },
  read: (raw, scope) => ({
    ...raw,
    webhook_url: requiredSecretUrl(raw, 'webhook_url', scope),
  }),
});

export const matrixBlock = receiverBlock({
  kind: 'matrix',
  sendsResolved: true,
  defaults: {},
  fields: {
    homeserver_url: maybe(text),
    room_id: maybe(text),
    access_token: maybe(secretText),
    access_token_file: maybe(text),
    message: maybe(text),
    html: maybe(text),
    message_type: maybe(z.enum(['m.text', 'm.notice'], { error: 'expected m.text or m.notice' })),
  },
  read: (raw, scope) => {
    requiredText(raw.homeserver_url, 'homeserver_url', scope);
    return {
      ...raw,
      homeserver_url: webUrl(raw.homeserver_url, '', 'homeserver_url', scope),
      room_id: requiredText(raw.room_id, 'room_id', scope),
      access_token: requiredSecret(raw, 'access_token', scope),
    };
  },
});

export const zulipBlock = receiverBlock({
  kind: 'zulip',
  sendsResolved: true,
  defaults: {},
  fields: {
    api_url: maybe(text),
    bot_email: maybe(text),
    api_key: maybe(secretText),
    api_key_file: maybe(text),
    stream: maybe(text),
    topic: maybe(text),
    message: maybe(text),
  },
  read: (raw, scope) => {
    requiredText(raw.api_url, 'api_url', scope);
    return {
      ...raw,
      api_url: webUrl(raw.api_url, '', 'api_url', scope),
      bot_email: requiredText(raw.bot_email, 'bot_email', scope),
      stream: requiredText(raw.stream, 'stream', scope),
      api_key: requiredSecret(raw, 'api_key', scope),
    };
  },
});

export const dingtalkBlock = receiverBlock({
  kind: 'dingtalk',
  sendsResolved: true,
  defaults: {},
  fields: {
    ...webhookUrlFields,
    secret: maybe(secretText),
    secret_file: maybe(text),
    title: maybe(text),
    message: maybe(text),
    at_mobiles: list(text),
  },
  read: (raw, scope) => ({
    ...raw,
    webhook_url: requiredSecretUrl(raw, 'webhook_url', scope),
    secret: readSecret(raw, 'secret', scope),
  }),
});

export const feishuBlock = receiverBlock({
  kind: 'feishu',
  sendsResolved: true,
  defaults: {},
  fields: {
    ...webhookUrlFields,
    secret: maybe(secretText),
    secret_file: maybe(text),
    title: maybe(text),
    message: maybe(text),
  },
  read: (raw, scope) => ({
    ...raw,
    webhook_url: requiredSecretUrl(raw, 'webhook_url', scope),
    secret: readSecret(raw, 'secret', scope),
  }),
});

export const ntfyBlock = receiverBlock({
  kind: 'ntfy',
  sendsResolved: true,
  defaults: {},
  fields: {
    server_url: maybe(text),
    topic: maybe(text),
    token: maybe(secretText),
    token_file: maybe(text),
    title: maybe(text),
    message: maybe(text),
    priority: optionalText,
    tags: list(text),
    click: optionalText,
  },
  read: (raw, scope) => ({
    ...raw,
    server_url: webUrl(raw.server_url, 'https://ntfy.sh', 'server_url', scope),
    topic: requiredText(raw.topic, 'topic', scope),
    token: readSecret(raw, 'token', scope),
  }),
});

export const gotifyBlock = receiverBlock({
  kind: 'gotify',
  sendsResolved: true,
  defaults: {},
  fields: {
    server_url: maybe(text),
    token: maybe(secretText),
    token_file: maybe(text),
    title: maybe(text),
    message: maybe(text),
    priority: optionalText,
  },
  read: (raw, scope) => {
    requiredText(raw.server_url, 'server_url', scope);
    return {
      ...raw,
      server_url: webUrl(raw.server_url, '', 'server_url', scope),
      token: requiredSecret(raw, 'token', scope),
    };
  },
});

export const twilioBlock = receiverBlock({
  kind: 'twilio',
  sendsResolved: true,
  defaults: {},
  fields: {
    api_url: maybe(text),
    account_sid: maybe(text),
    auth_token: maybe(secretText),
    auth_token_file: maybe(text),
    from: optionalText,
    messaging_service_sid: optionalText,
    to: list(text),
    message: maybe(text),
  },
  read: (raw, scope) => {
    const { path, complain } = scope;
    const sid = requiredText(raw.account_sid, 'account_sid', scope);
    if (sid !== '' && !/^AC[0-9a-fA-F]{32}$/.test(sid)) {
      complain([...path, 'account_sid'], 'expected AC and 32 hexadecimal digits');
    }
    if ((raw.from === '') === (raw.messaging_service_sid === '')) {
      complain(path, 'exactly one of from and messaging_service_sid is needed');
    }
    if (raw.to.length === 0) complain(path, '"to" is missing: the numbers to write to');
    return {
      ...raw,
      account_sid: sid,
      api_url: webUrl(raw.api_url, 'https://api.twilio.com', 'api_url', scope),
      auth_token: requiredSecret(raw, 'auth_token', scope),
    };
  },
});
