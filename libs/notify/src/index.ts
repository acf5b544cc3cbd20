export { type ChartSeries, drawLineChart, type LineChart } from './chart/line-chart.ts';
export { deliver } from './deliver.ts';
export {
  type DeliveryContext,
  type DeliveryPorts,
  type DeliveryReport,
  type MessageChart,
} from './delivery-context.ts';
export {
  DeliveryError,
  type DeliveryErrorOptions,
  type DeliveryFailure,
} from './delivery/delivery-error.ts';
export {
  type DeliveryAttempt,
  type DeliveryPlan,
  DeliveryQueue,
  type DeliveryQueueOptions,
  type EndedDelivery,
} from './delivery/delivery-queue.ts';
export { type HttpAnswer, judgeHttpAnswer } from './delivery/http-verdict.ts';
export { DEFAULT_RETRY_POLICY, type RetryPolicy } from './delivery/retry-policy.ts';
export { judgeSmtpResponse } from './delivery/smtp-verdict.ts';
export { withoutSecrets } from './delivery/without-secrets.ts';
export { TokenCache } from './http/token-cache.ts';
export { toMessageData } from './message/message-data.ts';
export { MessageTemplates, type TemplateFault } from './message/message-templates.ts';
export {
  type EmailMessage,
  type FluentRecord,
  type FluentTarget,
  type FluentTransport,
  type HttpRequest,
  type HttpTransport,
  type MailTransport,
  type ReceiverMemory,
  type SecretReader,
} from './ports.ts';
export {
  toWebhookPayload,
  type WebhookAlert,
  type WebhookPayload,
} from './webhook/webhook-payload.ts';
