/**
 * Configurations that Alertmanager accepts and that need something this version refuses: receivers other than webhooks and
 * e-mail, template files, proxies, tracing, route labels. The list may only shrink.
 */
export const ALERTMANAGER_CONFIG_KNOWN_FAILURES: readonly string[] = [
  'amtool-testdata/conf.good.yml',
  'amtool-testdata/conf.routing-reverted.yml',
  'amtool-testdata/conf.routing.yml',
  'config-testdata/conf.empty-fields.yml',
  'config-testdata/conf.good.yml',
  'config-testdata/conf.http-config.good.yml',
  'config-testdata/conf.mattermost-default-webhook-url-file.yml',
  'config-testdata/conf.mattermost-default-webhook-url.yml',
  'config-testdata/conf.opsgenie-default-apikey-file.yml',
  'config-testdata/conf.opsgenie-default-apikey.yml',
  'config-testdata/conf.rocketchat-default-token-file.yml',
  'config-testdata/conf.rocketchat-default-token.yml',
  'config-testdata/conf.slack-default-api-url-file.yml',
  'config-testdata/conf.slack-default-app-token.yml',
  'config-testdata/conf.sns-topic-arn.yml',
  'config-testdata/conf.telegram-default-bot-token-file.yml',
  'config-testdata/conf.telegram-default-bot-token.yml',
  'config-testdata/conf.victorops-default-apikey-file.yml',
  'config-testdata/conf.victorops-default-apikey.yml',
  'config-testdata/conf.wechat-default-api-secret-file.yml',
  'examples/route_labels.yml',
  'examples/simple.yml',
];

/**
 * Calls whose answers differ and are meant to: `/api/v1` is Prometheus's API here, and health is told in our words (and with
 * the same status). The list may only shrink.
 */
export const ALERTMANAGER_API_KNOWN_FAILURES: readonly string[] = [
  'api v1 gone',
  'healthy',
  'ready',
];
