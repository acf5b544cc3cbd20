/** Twilio's name of an account, which is no secret. */
export const ACCOUNT_SID = 'AC0123456789abcdef0123456789abcdef';

/**
 * A block of every kind that speaks HTTP, in YAML's short form: `URL` stands for the service's address and `CANARY` for each
 * secret.
 */
export const RECEIVER_BLOCKS_WITH_SECRETS: Readonly<Record<string, string>> = {
  alertmanager: `{url: 'URL'}`,
  dingtalk: `{webhook_url: 'URL/?access_token=CANARY', secret: CANARY}`,
  discord: `{webhook_url: 'URL/CANARY', content: '{{ .CommonLabels.evil }}'}`,
  feishu: `{webhook_url: 'URL/CANARY', secret: CANARY}`,
  goalert: `{server_url: 'URL', token: CANARY}`,
  googlechat: `{webhook_url: 'URL/?key=CANARY'}`,
  gotify: `{server_url: 'URL', token: CANARY}`,
  grafanaoncall: `{url: 'URL/CANARY'}`,
  heartbeat: `{url: 'URL/CANARY', resolved_url: 'URL/CANARY', method: POST}`,
  incidentio: `{url: 'URL/CANARY', alert_source_token: CANARY, metadata: {a: '{{ .CommonLabels.evil }}'}}`,
  jira: `{api_url: 'URL', project: P, issue_type: T, labels: ['{{ .CommonLabels.evil }}'], http_config: {basic_auth: {username: u, password: CANARY}}}`,
  matrix: `{homeserver_url: 'URL', room_id: r, access_token: CANARY}`,
  mattermost: `{webhook_url: 'URL/CANARY', text: '{{ .CommonLabels.evil }}'}`,
  msteams: `{webhook_url: 'URL/CANARY'}`,
  msteamsv2: `{webhook_url: 'URL/CANARY'}`,
  ntfy: `{server_url: 'URL', topic: t, token: CANARY}`,
  opsgenie: `{api_url: 'URL', api_key: CANARY, note: '{{ .CommonLabels.evil }}'}`,
  pagerduty: `{routing_key: CANARY, url: 'URL'}`,
  pushover: `{user_key: CANARY, token: CANARY, title: '{{ .CommonLabels.evil }}'}`,
  rocketchat: `{api_url: 'URL', token: CANARY, token_id: CANARY, text: '{{ .CommonLabels.evil }}'}`,
  slack: `{api_url: 'URL/CANARY', text: '{{ .CommonLabels.evil }}', message_text: '{{ range .Alerts }}{{ .Annotations.summary }}{{ end }}'}`,
  sns: `{api_url: 'URL', topic_arn: 'arn:aws:sns:eu-west-1:1:t', subject: '{{ .CommonLabels.evil }}', sigv4: {region: eu-west-1, access_key: AK, secret_key: CANARY}}`,
  telegram: `{api_url: 'URL', bot_token: CANARY, chat_id: 1}`,
  twilio: `{api_url: 'URL', account_sid: ${ACCOUNT_SID}, auth_token: CANARY, from: '+1', to: ['+2']}`,
  victorops: `{api_url: 'URL', api_key: CANARY, routing_key: 'r{{ .CommonLabels.evil }}'}`,
  webex: `{api_url: 'URL', room_id: r, http_config: {authorization: {credentials: CANARY}}}`,
  webhook: `{url: 'URL/CANARY', http_config: {http_headers: {X-Key: {secrets: [CANARY]}}, authorization: {credentials: CANARY}}}`,
  wechat: `{api_url: 'URL', corp_id: c, api_secret: CANARY, message_type: markdown}`,
  zulip: `{api_url: 'URL', bot_email: b, api_key: CANARY, stream: s, topic: '{{ .CommonLabels.evil }}'}`,
};
