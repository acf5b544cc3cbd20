import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { parse } from 'yaml';
import {
  ALERTMANAGER_FUNCTIONS,
  ALERTMANAGER_TEMPLATES,
  AlertTemplate,
  GoFunctionError,
  type GoValue,
  type NotificationData,
  prometheusFunctions,
  TemplateSet,
  toAlertValue,
  toNotificationValue,
  toQueryResult,
} from '#libs/go-template';
import { conformancePath, describeConformance } from '../support/conformance.ts';

interface Sample {
  labels: Record<string, string>;
  value: string;
}

interface PrometheusCase {
  name: string;
  input: string;
  labels?: Record<string, string>;
  value?: string;
  externalLabels?: Record<string, string>;
  queries?: Record<string, Sample[]>;
  expect?: string;
  error?: string;
}

interface PrometheusFile {
  defaults: {
    labels: Record<string, string>;
    value: string;
    externalLabels: Record<string, string>;
    externalURL: string;
    time: number;
  };
  cases: PrometheusCase[];
}

interface JsonAlert {
  status: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: string;
  endsAt: string;
  generatorURL: string;
  fingerprint: string;
}

interface JsonData {
  receiver: string;
  status: string;
  alerts: JsonAlert[];
  groupLabels: Record<string, string>;
  commonLabels: Record<string, string>;
  commonAnnotations: Record<string, string>;
  externalURL: string;
}

interface AlertmanagerCase {
  name: string;
  input: string;
  data: string;
  html?: boolean;
  templates?: string;
  expect?: string;
  error?: string;
}

function readText(name: string): string {
  const path = conformancePath('gotemplate', name);
  return path === null ? '' : readFileSync(path, 'utf8');
}

function toNumber(text: string): number {
  if (text === '+Inf') return Infinity;
  if (text === '-Inf') return -Infinity;
  return Number(text);
}

function flatten(record: Record<string, string>): string[] {
  return Object.entries(record).flat();
}

function toTimeMs(text: string): number | null {
  return text.startsWith('0001-') ? null : Date.parse(text);
}

/** What came out, and whether as an error. */
type Outcome = { text: string } | { error: string };

describeConformance('templates of alerts', ['gotemplate', 'prometheus.yaml'], () => {
  const { defaults, cases } = parse(readText('prometheus.yaml')) as PrometheusFile;
  const functions = prometheusFunctions({ externalUrl: defaults.externalURL });
  // The recorded run converted its time through nanoseconds in a double.
  const nowMs = Number(BigInt(defaults.time * 1e9) / 1_000_000n);

  async function run(record: PrometheusCase): Promise<Outcome> {
    const data = toAlertValue({
      labels: flatten(record.labels ?? defaults.labels),
      externalLabels: flatten(record.externalLabels ?? defaults.externalLabels),
      externalUrl: defaults.externalURL,
      value: toNumber(record.value ?? defaults.value),
    });
    const query = (expression: string): Promise<GoValue> => {
      const samples = record.queries?.[expression];
      if (samples === undefined) {
        return Promise.reject(
          new GoFunctionError(`no canned result for query ${JSON.stringify(expression)}`),
        );
      }
      return Promise.resolve(
        toQueryResult(samples.map(({ labels, value }) => ({ labels, value: toNumber(value) }))),
      );
    };
    try {
      const template = new AlertTemplate('test', record.input, functions);
      return { text: await template.render({ data, nowMs }, query) };
    } catch (error) {
      return { error: (error as Error).message };
    }
  }

  it.each(cases.map((record, i) => [`${i} ${record.name}`, record] as const))(
    '%s',
    async (_, record) => {
      const expected: Outcome =
        record.error === undefined ? { text: record.expect! } : { error: record.error };
      expect(await run(record)).toEqual(expected);
    },
  );
});

describeConformance('templates of notifications', ['gotemplate', 'alertmanager.yaml'], () => {
  const { cases } = parse(readText('alertmanager.yaml'), { maxAliasCount: -1 }) as {
    cases: AlertmanagerCase[];
  };
  const dataSets = JSON.parse(readText('data.json')) as Record<string, JsonData>;
  const defaults = TemplateSet.create({ functions: ALERTMANAGER_FUNCTIONS }).with(
    '',
    ALERTMANAGER_TEMPLATES,
  );

  function toData(json: JsonData): NotificationData {
    return {
      receiver: json.receiver,
      status: json.status,
      alerts: json.alerts.map((alert) => ({
        status: alert.status,
        labels: alert.labels,
        annotations: alert.annotations,
        startsAtMs: toTimeMs(alert.startsAt),
        endsAtMs: toTimeMs(alert.endsAt),
        generatorUrl: alert.generatorURL,
        fingerprint: alert.fingerprint,
      })),
      groupLabels: json.groupLabels,
      commonLabels: json.commonLabels,
      commonAnnotations: json.commonAnnotations,
      externalUrl: json.externalURL,
    };
  }

  function run(record: AlertmanagerCase): Outcome {
    try {
      const own = record.templates === undefined ? defaults : defaults.with('', record.templates);
      const text = own.with('', record.input).render('', {
        data: toNotificationValue(toData(dataSets[record.data]!)),
        nowMs: Date.parse('2026-03-01T00:00:00Z'),
        isHtml: record.html ?? false,
      });
      return { text };
    } catch (error) {
      return { error: (error as Error).message };
    }
  }

  it.each(cases.map((record, i) => [`${i} ${record.name}`, record] as const))('%s', (_, record) => {
    const expected: Outcome =
      record.error === undefined ? { text: record.expect! } : { error: record.error };
    expect(run(record)).toEqual(expected);
  });
});
