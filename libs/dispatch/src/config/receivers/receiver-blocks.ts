import {
  discordBlock,
  mattermostBlock,
  msteamsBlock,
  msteamsv2Block,
  rocketchatBlock,
  slackBlock,
  telegramBlock,
  webexBlock,
  wechatBlock,
} from './chats.ts';
import {
  incidentioBlock,
  opsgenieBlock,
  pagerdutyBlock,
  pushoverBlock,
  victoropsBlock,
} from './pagers.ts';
import {
  dingtalkBlock,
  feishuBlock,
  googlechatBlock,
  gotifyBlock,
  matrixBlock,
  ntfyBlock,
  twilioBlock,
  zulipBlock,
} from './own-chats.ts';
import {
  alertmanagerBlock,
  fluentdBlock,
  goalertBlock,
  grafanaoncallBlock,
  heartbeatBlock,
} from './own-services.ts';
import type { IntegrationOf } from './receiver-block.ts';
import { jiraBlock, snsBlock, webhookBlock } from './services.ts';

/** The blocks of all receivers but e-mail, in the order their integrations are listed in. */
export const RECEIVER_BLOCKS = [
  webhookBlock,
  pagerdutyBlock,
  opsgenieBlock,
  wechatBlock,
  slackBlock,
  victoropsBlock,
  pushoverBlock,
  snsBlock,
  telegramBlock,
  discordBlock,
  webexBlock,
  msteamsBlock,
  msteamsv2Block,
  jiraBlock,
  rocketchatBlock,
  mattermostBlock,
  incidentioBlock,
  googlechatBlock,
  matrixBlock,
  ntfyBlock,
  gotifyBlock,
  zulipBlock,
  dingtalkBlock,
  feishuBlock,
  twilioBlock,
  grafanaoncallBlock,
  goalertBlock,
  alertmanagerBlock,
  heartbeatBlock,
  fluentdBlock,
] as const;

type BlockIntegration = IntegrationOf<(typeof RECEIVER_BLOCKS)[number]>;

/** An integration that sends records to Fluentd. */
export type FluentdIntegration = Extract<BlockIntegration, { readonly kind: 'fluentd' }>;

/** An integration of one of the kinds that talk HTTP. */
export type HttpReceiverIntegration = Exclude<BlockIntegration, FluentdIntegration>;
