import { EMAIL_TEMPLATE } from './email-template.ts';

/*
 * The templates that are there before a user's own, by the names Alertmanager gives them, since configurations call and
 * override them. What they give is compared, byte by byte, with recorded output; they are written here from that output.
 */

const RECEIVER_URL = '{{ .ExternalURL }}/#/alerts?receiver={{ .Receiver | urlquery }}';

const SUBJECT =
  '[{{ .Status | toUpper }}{{ if eq .Status "firing" }}:{{ .Alerts.Firing | len }}{{ end }}] ' +
  '{{ .GroupLabels.SortedPairs.Values | join " " }} ' +
  '{{ if gt (len .CommonLabels) (len .GroupLabels) }}(' +
  '{{ with .CommonLabels.Remove .GroupLabels.Names }}{{ .Values | join " " }}{{ end }}){{ end }}';

const PLAIN_LIST =
  '{{ define "__text_alert_list" }}{{ range . }}Labels:\n' +
  '{{ range .Labels.SortedPairs }} - {{ .Name }} = {{ .Value }}\n{{ end }}' +
  'Annotations:\n' +
  '{{ range .Annotations.SortedPairs }} - {{ .Name }} = {{ .Value }}\n{{ end }}' +
  'Source: {{ .GeneratorURL }}\n{{ end }}{{ end }}';

const MARKDOWN_LIST =
  '{{ define "__text_alert_list_markdown" }}{{ range . }}\nLabels:\n' +
  '{{ range .Labels.SortedPairs }}  - {{ .Name }} = {{ .Value }}\n{{ end }}' +
  '\nAnnotations:\n' +
  '{{ range .Annotations.SortedPairs }}  - {{ .Name }} = {{ .Value }}\n{{ end }}' +
  '\nSource: {{ .GeneratorURL }}\n{{ end }}{{ end }}';

/** The firing and the resolved alerts, each under a heading, with blank lines as chat messages have them. */
function sections(list: string, heading: (status: string) => string, gap: string): string {
  const section = (status: string): string =>
    `{{ if gt (len .Alerts.${status}) 0 }}${heading(status)}{{ template "${list}" .Alerts.${status} }}${gap}{{ end }}\n`;
  return section('Firing') + section('Resolved');
}

const MARKDOWN = `\n${sections('__text_alert_list_markdown', (status) => `\n# Alerts ${status}:\n`, '\n\n')}`;
const CHAT = `\n${sections('__text_alert_list', (status) => `\nAlerts ${status}:\n`, '\n')}`;
const CHAT_WITH_SUMMARY = `{{ .CommonAnnotations.SortedPairs.Values | join " " }}${CHAT}`;
const PLAIN =
  '{{ .CommonAnnotations.SortedPairs.Values | join " " }}\n' +
  '{{ if gt (len .Alerts.Firing) 0 }}Alerts Firing:\n{{ template "__text_alert_list" .Alerts.Firing }}{{ end }}\n' +
  '{{ if gt (len .Alerts.Resolved) 0 }}Alerts Resolved:\n{{ template "__text_alert_list" .Alerts.Resolved }}{{ end }}';

const calls = (name: string): string => `{{ template "${name}" . }}`;
const TITLE = calls('__subject');
const CLIENT = calls('__alertmanager');
const LINK = calls('__alertmanagerURL');
const TITLE_AND_LINK = `${TITLE} | ${LINK}`;
const COLOR = '{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}';

const DEFINITIONS: readonly (readonly [string, string])[] = [
  ['slack.default.title', TITLE],
  ['slack.default.username', CLIENT],
  ['slack.default.fallback', TITLE_AND_LINK],
  ['slack.default.callbackid', ''],
  ['slack.default.pretext', ''],
  ['slack.default.titlelink', LINK],
  ['slack.default.iconemoji', ''],
  ['slack.default.iconurl', ''],
  ['slack.default.text', ''],
  ['slack.default.footer', ''],
  ['slack.default.color', COLOR],
  ['mattermost.default.title', TITLE],
  ['mattermost.default.username', CLIENT],
  ['mattermost.default.fallback', TITLE_AND_LINK],
  ['mattermost.default.titlelink', LINK],
  ['mattermost.default.text', MARKDOWN],
  ['mattermost.default.color', COLOR],
  ['rocketchat.default.title', TITLE],
  ['rocketchat.default.alias', CLIENT],
  ['rocketchat.default.titlelink', LINK],
  ['rocketchat.default.emoji', ''],
  ['rocketchat.default.iconurl', ''],
  ['rocketchat.default.text', ''],
  ['pagerduty.default.description', TITLE],
  ['pagerduty.default.client', CLIENT],
  ['pagerduty.default.clientURL', LINK],
  ['pagerduty.default.instances', calls('__text_alert_list')],
  ['opsgenie.default.message', TITLE],
  ['opsgenie.default.description', PLAIN],
  ['opsgenie.default.source', LINK],
  ['wechat.default.message', `${TITLE}\n${PLAIN}\nAlertmanagerUrl:\n${LINK}`],
  ['wechat.default.to_user', ''],
  ['wechat.default.to_party', ''],
  ['wechat.default.to_tag', ''],
  ['wechat.default.agent_id', ''],
  ['victorops.default.state_message', PLAIN],
  ['victorops.default.entity_display_name', TITLE],
  ['victorops.default.monitoring_tool', CLIENT],
  ['pushover.default.title', TITLE],
  ['pushover.default.message', CHAT_WITH_SUMMARY],
  ['pushover.default.url', LINK],
  ['sns.default.subject', TITLE],
  ['sns.default.message', CHAT_WITH_SUMMARY],
  ['telegram.default.message', CHAT],
  ['discord.default.content', ''],
  ['discord.default.title', TITLE],
  ['discord.default.message', CHAT],
  ['webex.default.message', CHAT_WITH_SUMMARY],
  ['msteams.default.summary', TITLE],
  ['msteams.default.title', TITLE],
  ['msteams.default.text', MARKDOWN],
  ['msteamsv2.default.title', TITLE],
  ['msteamsv2.default.text', MARKDOWN],
  ['jira.default.summary', TITLE],
  ['jira.default.description', MARKDOWN],
  [
    'jira.default.priority',
    '{{ $priority := "" }}{{ range .Alerts }}' +
      '{{ $severity := index .Labels "severity" }}' +
      '{{ if eq $severity "critical" }}{{ $priority = "High" }}' +
      '{{ else if and (eq $severity "warning") (ne $priority "High") }}{{ $priority = "Medium" }}' +
      '{{ else if and (eq $severity "info") (eq $priority "") }}{{ $priority = "Low" }}{{ end }}' +
      '{{ end }}{{ $priority }}',
  ],
];

/** The text that defines every default template, the e-mail's included; to be the first text of a set. */
export const ALERTMANAGER_TEMPLATES: string = [
  '{{ define "__alertmanager" }}Alertmanager{{ end }}',
  `{{ define "__alertmanagerURL" }}${RECEIVER_URL}{{ end }}`,
  '',
  `{{ define "__subject" }}${SUBJECT}{{ end }}`,
  '{{ define "__description" }}{{ end }}',
  '',
  // Error messages tell the line and column of this one.
  PLAIN_LIST,
  '',
  MARKDOWN_LIST,
  ...DEFINITIONS.map(([name, text]) => `{{ define "${name}" }}${text}{{ end }}`),
  EMAIL_TEMPLATE,
].join('\n');
