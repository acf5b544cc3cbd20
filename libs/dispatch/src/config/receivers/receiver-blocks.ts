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
import type { IntegrationOf } from './receiver-block.ts';
import { jiraBlock, snsBlock, webhookBlock } from './services.ts';

/** The blocks of all receivers that talk HTTP, in the order their integrations are listed in. */
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
] as const;

/** An integration of one of these kinds. */
export type HttpReceiverIntegration = IntegrationOf<(typeof RECEIVER_BLOCKS)[number]>;
