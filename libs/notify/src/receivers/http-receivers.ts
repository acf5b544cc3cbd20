import type { HttpReceiverIntegration, Notification } from '#libs/dispatch';
import type { DeliveryContext, DeliveryPorts, DeliveryReport } from '../delivery-context.ts';
import { deliverOverHttp } from '../http/deliver-over-http.ts';
import type { HttpReceiver } from '../http/http-receiver.ts';
import { dingtalkReceiver } from './dingtalk.ts';
import { discordReceiver } from './discord.ts';
import { feishuReceiver } from './feishu.ts';
import { googlechatReceiver } from './googlechat.ts';
import { gotifyReceiver } from './gotify.ts';
import { incidentioReceiver } from './incidentio.ts';
import { jiraReceiver } from './jira.ts';
import { matrixReceiver } from './matrix.ts';
import { mattermostReceiver } from './mattermost.ts';
import { msteamsReceiver, msteamsv2Receiver } from './msteams.ts';
import { ntfyReceiver } from './ntfy.ts';
import { opsgenieReceiver } from './opsgenie.ts';
import { pagerdutyReceiver } from './pagerduty.ts';
import { pushoverReceiver } from './pushover.ts';
import { rocketchatReceiver } from './rocketchat.ts';
import type { SettingsOf } from './settings-of.ts';
import { slackReceiver } from './slack.ts';
import { snsReceiver } from './sns.ts';
import { telegramReceiver } from './telegram.ts';
import { twilioReceiver } from './twilio.ts';
import { victoropsReceiver } from './victorops.ts';
import { webexReceiver } from './webex.ts';
import { webhookReceiver } from './webhook.ts';
import {
  alertmanagerReceiver,
  goalertReceiver,
  grafanaoncallReceiver,
  heartbeatReceiver,
} from './webhook-presets.ts';
import { wechatReceiver } from './wechat.ts';
import { zulipReceiver } from './zulip.ts';

type Kind = HttpReceiverIntegration['kind'];

/** Every kind of receiver that talks HTTP. One that has a block in the configuration must be here. */
const HTTP_RECEIVERS: { readonly [K in Kind]: HttpReceiver<SettingsOf<K>> } = {
  alertmanager: alertmanagerReceiver,
  dingtalk: dingtalkReceiver,
  discord: discordReceiver,
  feishu: feishuReceiver,
  goalert: goalertReceiver,
  googlechat: googlechatReceiver,
  gotify: gotifyReceiver,
  grafanaoncall: grafanaoncallReceiver,
  heartbeat: heartbeatReceiver,
  incidentio: incidentioReceiver,
  jira: jiraReceiver,
  matrix: matrixReceiver,
  mattermost: mattermostReceiver,
  msteams: msteamsReceiver,
  msteamsv2: msteamsv2Receiver,
  ntfy: ntfyReceiver,
  opsgenie: opsgenieReceiver,
  pagerduty: pagerdutyReceiver,
  pushover: pushoverReceiver,
  rocketchat: rocketchatReceiver,
  slack: slackReceiver,
  sns: snsReceiver,
  telegram: telegramReceiver,
  twilio: twilioReceiver,
  victorops: victoropsReceiver,
  webex: webexReceiver,
  webhook: webhookReceiver,
  wechat: wechatReceiver,
  zulip: zulipReceiver,
};

/** One attempt at a message of one of these kinds. @throws DeliveryError */
export function sendOverHttp(
  notification: Notification,
  integration: HttpReceiverIntegration,
  context: DeliveryContext,
  ports: DeliveryPorts,
): Promise<DeliveryReport> {
  // The table above pairs each kind with the receiver of its settings; TypeScript loses that when it looks one up.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as said above.
  const receiver = HTTP_RECEIVERS[integration.kind] as HttpReceiver<object>;
  return deliverOverHttp<Kind, object>(receiver, notification, integration, context, ports);
}
