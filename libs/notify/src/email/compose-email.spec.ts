import { describe, expect, it } from '@jest/globals';
import { type EmailIntegration, type Notification, parseAlertmanagerConfig } from '#libs/dispatch';
import { alertOf, notificationOf, START_MS } from '../../testing/notifications.ts';
import { DeliveryError } from '../delivery/delivery-error.ts';
import { MessageTemplates, type TemplateFault } from '../message/message-templates.ts';
import { composeEmail } from './compose-email.ts';

const templates = MessageTemplates.create([
  ['own.tmpl', '{{ define "own" }}own {{ .Status }}{{ end }}'],
]);

function integrationOf(yaml: string): EmailIntegration {
  const text = `
global: {smtp_smarthost: 'localhost:25', smtp_from: 'Alerts <am@example.org>'}
route: {receiver: ops}
receivers:
- name: ops
  email_configs:
  - to: ops@example.org
${yaml.replaceAll(/^/gm, '    ')}
`;
  return parseAlertmanagerConfig(text, 'am.yml').receivers[0]!.integrations[0] as EmailIntegration;
}

function compose(notification: Notification, yaml = '') {
  const faults: TemplateFault[] = [];
  const context = {
    externalUrl: 'https://alerts.example.org/',
    userAgent: 'Binnacle',
    templates,
    defaultTimeoutMs: 1,
    environment: {},
    nowMs: () => START_MS + 312_000,
  };
  return { ...composeEmail(notification, integrationOf(yaml), context, faults), faults };
}

const firing = notificationOf([
  alertOf({
    labels: { alertname: 'DiskFull', instance: 'host-1', mount: '/var', severity: 'critical' },
    annotations: {
      summary: '95 % used',
      description: 'first line\nsecond line',
      value: '95.2',
      runbook_url: 'https://runbooks.example.org/disk',
      note: 'call Bob',
    },
    generatorUrl: 'https://prometheus.example.org/graph?g0.expr=up',
  }),
  alertOf({
    labels: { alertname: 'DiskFull', instance: 'host-1', mount: '/tmp', severity: 'critical' },
    endsAtMs: START_MS + 61_000,
  }),
]);
const resolved = notificationOf(firing.alerts.slice(1));

describe('composeEmail', () => {
  it('says what, where, since when, the value and where to look', () => {
    const message = compose(firing);
    expect(message.subject).toBe('[FIRING:1] critical DiskFull (instance=host-1)');
    expect(message.text).toBe(
      [
        'FIRING: DiskFull – 1 alert firing, 1 resolved',
        '',
        'instance: host-1',
        '',
        '[firing] 95 % used',
        '  first line',
        '    second line',
        '  since 2026-02-03 04:05:06 UTC (5m12s)',
        '  value: 95.2',
        '  mount: /var',
        '  note: call Bob',
        '  Runbook: https://runbooks.example.org/disk',
        '  Graph: https://prometheus.example.org/graph?g0.expr=up',
        '  Silence: https://alerts.example.org/silence?labels=%7B%22alertname%22%3A%22DiskFull%22%2C%22instance%22%3A%22host-1%22%2C%22mount%22%3A%22%2Fvar%22%2C%22severity%22%3A%22critical%22%7D',
        '',
        '[resolved] DiskFull',
        '  from 2026-02-03 04:05:06 UTC to 2026-02-03 04:06:07 UTC (1m1s)',
        '  mount: /tmp',
        '',
        '-- ',
        'Sent to ops: first notification – https://alerts.example.org',
      ].join('\n'),
    );
    for (const words of [
      'FIRING: DiskFull',
      '95 % used',
      'host-1',
      '95.2',
      'first line<br>second line',
    ]) {
      expect(message.html).toContain(words);
    }
  });

  it('makes an end look different', () => {
    const message = compose(resolved);
    expect(message.subject).toBe('[RESOLVED] critical DiskFull (instance=host-1 mount=/tmp)');
    expect(message.text).toMatch(/^RESOLVED: DiskFull – all over \(1 alert\)/);
    expect(message.html).toContain('#1b7f3b');
    expect(message.html).not.toContain('FIRING');
  });

  it('tells the path of a runbook that has no address', () => {
    const { html, text } = compose(
      notificationOf([alertOf({ annotations: { runbook_url: 'docs/runbooks/DiskFull.md' } })]),
    );
    expect(text).toMatch(/^ {2}runbook_url: docs\/runbooks\/DiskFull\.md$/m);
    expect(html).toContain('<td>docs/runbooks/DiskFull.md</td>');
    expect(html).not.toContain('>Runbook</a>');
  });

  it('escapes hostile values and offers no hostile link', () => {
    const evil = `"><script>alert('x')</script>\u0000&`;
    const { html, text } = compose(
      notificationOf([
        alertOf({
          labels: { alertname: evil, place: evil },
          annotations: { summary: evil, runbook_url: 'javascript:alert(1)' },
          generatorUrl: `https://x/"onload="y`,
        }),
      ]),
    );
    expect(html).not.toMatch(/<script|javascript:|onload="/);
    expect(html).not.toContain('\u0000');
    expect(html).toContain('&quot;&gt;&lt;script&gt;');
    expect(text).not.toContain('javascript:');
  });

  it('lets no value begin a header or a line that looks like ours', () => {
    const evil = 'x\r\nBcc: everyone@example.org\u2028y';
    const message = compose(
      notificationOf([
        alertOf({ labels: { alertname: evil, severity: evil }, annotations: { summary: evil } }),
      ]),
      `headers: {X-Name: '{{ .CommonLabels.alertname }}', Subject: 'a {{ .CommonLabels.alertname }}'}`,
    );
    expect(message.subject).toBe('a x Bcc: everyone@example.org y');
    expect(message.headers).toContainEqual(['X-Name', 'x Bcc: everyone@example.org y']);
    expect(message.text).not.toMatch(/^Bcc:/m);
  });

  it('holds the messages of a group together', () => {
    const first = compose({ ...firing, id: 'one' });
    const second = compose({ ...resolved, id: 'two' });
    const other = compose({ ...resolved, groupKey: '{}:{a="b"}' });
    expect([first.messageId, second.messageId]).toEqual(['<one@example.org>', '<two@example.org>']);
    expect(first.references).toEqual(second.references);
    expect(first.references[0]).toMatch(/^<thread-[0-9a-f]{16}@example\.org>$/);
    expect(other.references).not.toEqual(first.references);
    expect(compose(firing, 'threading: {enabled: false}').references).toEqual([]);
    const daily = 'threading: {enabled: true, thread_by_date: daily}';
    const today = compose(firing, daily).references;
    expect(
      compose({ ...firing, createdAtMs: START_MS + 86_400_000 }, daily).references,
    ).not.toEqual(today);
  });

  it('expands the templates of the configuration', () => {
    const message = compose(
      firing,
      `
from: '{{ .CommonLabels.severity }}@example.org'
html: '<p>{{ template "own" . }} {{ .CommonLabels.instance }}</p>'
text: '{{ range .Alerts.Firing }}{{ .Labels.mount }}{{ end }}'
headers: {subject: '{{ template "email.default.subject" . }}'}`,
    );
    expect(message).toMatchObject({
      from: 'critical@example.org',
      html: '<p>own firing host-1</p>',
      text: '/var',
      subject: '[FIRING:1]  (DiskFull host-1 critical)',
      faults: [],
    });
  });

  it.each([
    ['text', "text: '{{ .Nonsense.more }}'", 'text'],
    ['html', "html: '{{ nosuchfunction }}'", 'html'],
    ['subject', 'headers: {Subject: \'{{ template "absent" . }}\'}', 'header Subject'],
  ])('puts the built-in %s where a template fails, and says so', (_, yaml, field) => {
    const message = compose(firing, yaml);
    expect(message.faults).toHaveLength(1);
    expect(message.faults[0]).toMatchObject({ field });
    expect(message.faults[0]!.message).toMatch(/^template: /);
    expect(message.subject).toBe('[FIRING:1] critical DiskFull (instance=host-1)');
    expect(message.html).toContain('95 % used');
  });

  it.each([
    ['both by default', '', true, true],
    ['only HTML', "html: '<b>x</b>'", true, false],
    ['only text', "html: ''\ntext: x", false, true],
    ['the built-in text in place of nothing', "html: ''\ntext: ''", false, true],
  ])('has %s', (_, yaml, hasHtml, hasText) => {
    const message = compose(firing, yaml);
    expect([message.html !== null, message.text !== null]).toEqual([hasHtml, hasText]);
  });

  it('cannot go anywhere if the address is a template that fails', () => {
    const yaml = "from: '{{ .Nonsense.more }}'";
    expect(() => compose(firing, yaml)).toThrow(DeliveryError);
    expect(() => compose(firing, yaml)).toThrow(/"from" cannot be told/);
  });

  it('leaves alerts out when there are too many to read', () => {
    const alerts = Array.from({ length: 10_000 }, (_, i) =>
      alertOf({ labels: { alertname: 'A', i: `${i}` } }),
    );
    const message = compose(notificationOf(alerts));
    expect(message.subject).toBe('[FIRING:10000] A');
    expect(message.text).toContain('… and 9900 more alerts');
    expect(message.html!.length).toBeLessThan(100_000);
  });
});
