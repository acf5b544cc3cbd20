import { describe } from '@jest/globals';
import {
  ALERTMANAGER_FUNCTIONS,
  ALERTMANAGER_TEMPLATES,
  AlertTemplate,
  prometheusFunctions,
  TemplateExecError,
  TemplateParseError,
  TemplateSet,
  toAlertValue,
  toNotificationValue,
  toQueryResult,
} from '#libs/go-template';
import { itWithstands, promise } from './fuzz.ts';
import { tokensOf } from './hostile-input.ts';

const BOUNDS = {
  nowMs: 1_700_000_000_000,
  maxSteps: 20_000,
  maxOutputLength: 64 * 1024,
  maxDepth: 50,
};

const ALERT_TEXTS = [
  '{{ $labels.instance }} of {{ .Labels.job | toUpper }} is at {{ $value | humanizePercentage }} since {{ now }}',
  '{{ range $i, $s := query "up" | sortByLabel "a" }}{{ if gt $i 2 }}{{ break }}{{ else }}{{ $s.Labels.a }}={{ .Value | printf "%.2f" }}, {{ end }}{{ end }}',
  '{{ with $x := 1.5e3 }}{{ humanize $x }} {{ humanize1024 . }} {{ humanizeDuration . }} {{ humanizeTimestamp . }}{{ end }}',
  '{{ define "a" }}{{ . }}{{ template "b" . }}{{ end }}{{ define "b" }}x{{ end }}{{ template "a" (args 1 2 "c") }}',
  '{{- /* c */ -}} {{ printf "%q %v %05d %x %t %c %U" "a" 1 2 "b" true 65 66 }} {{ len "abc" }} {{ index .Labels "job" }} {{ slice "abc" 1 2 }}',
  '{{ reReplaceAll "(a+)+$" "${1}x" "aaaa" }} {{ match "a.*" "b" }} {{ parseDuration "1h" }} {{ stripPort "a:1" }} {{ html "<" | js | urlquery }}',
  '{{ range 1000000000 }}{{ . }}{{ end }}{{ and 1 (or 0 "") (not nil) }}{{ eq 1 2 3 }}{{ externalURL }}{{ first (query "x") | value }}',
];

const NOTIFICATION_TEXTS = [
  '{{ .CommonLabels.SortedPairs.Values | join " " }} {{ len .Alerts.Firing }} {{ .Status | title }}',
  '{{ range .Alerts }}{{ .StartsAt.Format "2006-01-02T15:04:05Z07:00" }} {{ .Annotations.summary }} {{ .Fingerprint }}{{ end }}',
  '{{ define "x" }}<a href="{{ .ExternalURL }}" onclick="f({{ .Receiver }})" style="{{ .Status }}">{{ .GroupLabels | toJson }}</a><script>var a = {{ . }};</script>{{ end }}{{ template "x" . }}',
  '{{ template "slack.default.title" . }} {{ template "email.default.html" . }}',
  '{{ (index .Alerts 0).Labels.Remove (stringSlice "a" "b") }} {{ since (.Alerts | first).StartsAt }} {{ tz "Europe/Paris" (index .Alerts 0).StartsAt }}',
];

const TOKENS = tokensOf(
  '{{ }} {{ }} {{- -}} ␣ ␣ if else end range with define template block break continue "a"',
  '`b` \'c\' $ . $x := = , | ( ) nil true 1 -1 1.5 0x1F 1e9 1i len index slice printf "%v"',
  '"%99999d" "%*d" print .Labels $value $labels.job query␣"up" /* */ call not and eq',
  '.Alerts toUpper {{end}} {{range␣.}} {{if␣.}} {{template␣"a"␣.}} {{define␣"a"}}',
  '{{range␣9}} ((( printf␣"%s%s"␣.␣. <a␣href=" <script> </script> <style> "> onclick=\' <!--',
  '--> <textarea>',
);

const functions = prometheusFunctions({ externalUrl: 'http://h:1/x' });
const alertData = toAlertValue({
  labels: ['__proto__', 'p', 'instance', 'a:1', 'job', 'x'],
  externalLabels: ['cluster', 'c'],
  externalUrl: 'http://h',
  value: 12.5,
});

const queryResult = toQueryResult([
  { labels: { a: 'x', __value__: '1' }, value: 1 },
  { labels: { a: 'y' }, value: Number.NaN },
]);

const ALERT = {
  status: 'firing',
  labels: { alertname: 'A', job: 'x' },
  annotations: { summary: 's < "t"' },
  startsAtMs: 1_699_999_000_000,
  endsAtMs: null,
  generatorUrl: 'http://h/g?a=b',
  fingerprint: '0123456789abcdef',
};
const notificationData = toNotificationValue({
  receiver: 'r',
  status: 'firing',
  alerts: [ALERT, { ...ALERT, status: 'resolved', endsAtMs: 1_699_999_900_000 }],
  groupLabels: { alertname: 'A' },
  commonLabels: { alertname: 'A', job: 'x' },
  commonAnnotations: { summary: 's < "t"' },
  externalUrl: 'http://h',
});
const notificationTemplates = TemplateSet.create({ functions: ALERTMANAGER_FUNCTIONS }).with(
  'default',
  ALERTMANAGER_TEMPLATES,
);

describe('templates', () => {
  itWithstands({
    name: 'template of an alert',
    corpus: ALERT_TEXTS,
    tokens: TOKENS,
    refusals: [TemplateParseError, TemplateExecError],
    divisor: 2,
    async decode(input, random) {
      const template = new AlertTemplate('A', input.toString(), functions);
      const hasStore = !random.oneIn(4);
      const text = await template.render({ ...BOUNDS, data: alertData }, async () => {
        if (hasStore) return queryResult;
        throw new Error('no store');
      });
      promise(text.length <= Math.max(BOUNDS.maxOutputLength, input.length), 'above the limit');
    },
  });

  itWithstands({
    name: 'template of a notification',
    corpus: NOTIFICATION_TEXTS,
    tokens: TOKENS,
    refusals: [TemplateParseError, TemplateExecError],
    divisor: 2,
    decode(input, random) {
      const text = notificationTemplates
        .with('message', input.toString())
        .render('message', { ...BOUNDS, data: notificationData, isHtml: random.oneIn(2) });
      promise(text.length <= BOUNDS.maxOutputLength, 'above the limit');
    },
  });
});
