import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { allDashboards } from '../../grafana/src/dashboards.ts';
import {
  annotationQueriesOf,
  lineName,
  queriesOf,
  withAllChosen,
} from '../../grafana/src/panel-queries.ts';
import { alertDifferences } from '../kube/cluster/expected-alerts.ts';
import {
  UNSHOWN_ALERTS,
  UNSHOWN_COMMUNITY,
  UNSHOWN_PANELS,
  UNSHOWN_RECORDS,
} from '../kube/cluster/unshown.ts';
import { describeConformance } from '../support/conformance.ts';
import { defaultRules } from '../support/default-rules.ts';
import { temporaryFolder } from '../support/processes.ts';
import { SimulatedClusterEngine } from '../support/simulated-cluster.ts';

const TIMEOUT_MS = 900_000;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let engine: SimulatedClusterEngine;

beforeAll(async () => {
  folder = await temporaryFolder();
  engine = await SimulatedClusterEngine.start(join(folder.path, 'data'));
}, TIMEOUT_MS);

afterAll(async () => {
  await engine.stop();
  await folder.remove();
});

/** Without what stands in for missing data, so that the data itself is asked for. */
function withoutFallback(expr: string): string {
  return expr.replaceAll(/\bor vector\(0\)/g, '');
}

describe('the default rules over a simulated cluster', () => {
  it('say nothing while nothing is wrong', () => {
    expect(engine.run.falseAlerts).toEqual([{ alertname: 'Watchdog', severity: 'none' }]);
  });

  it('say of every fault what is to be said, to whom, and nothing else', () => {
    expect(alertDifferences(engine.run.alerts)).toEqual([]);
  });

  it('never fail', () => {
    expect(engine.run.failures).toEqual({});
  });

  it('all fire or record, but those listed with the reason', async () => {
    const fired = new Set(
      engine.run.alerts.map(({ labels }) => `${labels['alertname']} ${labels['severity']}`),
    );
    const quiet = new Set<string>();
    const unrecorded = new Set<string>();
    for (const rule of defaultRules()) {
      if (rule.kind === 'alerting') {
        const name = `${rule.name} ${new Map(rule.labels).get('severity')}`;
        if (!fired.has(name)) quiet.add(name);
        continue;
      }
      const matchers = rule.labels.map(([name, value]) => `${name}="${value}"`);
      const all = [`__name__="${rule.name}"`, ...matchers].join(',');
      if ((await engine.instant(`count({${all}})`)) !== 0) continue;
      unrecorded.add(matchers.length === 0 ? rule.name : `${rule.name}{${matchers.join(',')}}`);
    }
    expect([...quiet].toSorted()).toEqual(Object.keys(UNSHOWN_ALERTS).toSorted());
    expect([...unrecorded].toSorted()).toEqual(Object.keys(UNSHOWN_RECORDS).toSorted());
  });
});

describe('the dashboards over a simulated cluster', () => {
  it(
    'show something in every panel, but those listed with the reason',
    async () => {
      const wrong: string[] = [];
      const empty = new Set<string>();
      for (const [file, dashboard] of allDashboards()) {
        for (const query of [...queriesOf(dashboard), ...annotationQueriesOf(dashboard)]) {
          const name = `${file}: ${query.panel}: ${query.refId}`;
          const expr = withAllChosen(query.expr);
          const ask = (text: string): Promise<number | string> => {
            if (query.language === 'logql') return engine.lines(text);
            return query.isInstant ? engine.instant(text) : engine.range(text);
          };
          const whole = await ask(expr);
          const series = whole === 0 ? 0 : await ask(withoutFallback(expr));
          if (typeof whole === 'string') wrong.push(`${name}: ${whole}`);
          else if (series === 0) empty.add(name);
        }
      }
      expect(wrong).toEqual([]);
      expect([...empty].toSorted()).toEqual(Object.keys(UNSHOWN_PANELS).toSorted());
    },
    TIMEOUT_MS,
  );

  it(
    'name every line, and no two lines of a panel alike',
    async () => {
      const unnamed: string[] = [];
      for (const [file, dashboard] of allDashboards()) {
        const names = new Map<string, number>();
        for (const { panel, expr, language, isInstant, legend } of queriesOf(dashboard)) {
          if (isInstant || language !== 'promql') continue;
          const series = await engine.series(withAllChosen(expr));
          if (typeof series === 'string') throw new Error(`${file}: ${panel}: ${series}`);
          for (const labels of series) {
            const name = lineName(legend, labels);
            // Words between labels that are not there, such as the slash in "payments / ".
            if (/^\W*$|^ | {2}| $/.test(name)) unnamed.push(`${file}: ${panel}: "${name}"`);
            const line = `${file}: ${panel}: ${name}`;
            names.set(line, (names.get(line) ?? 0) + 1);
          }
        }
        for (const [line, times] of names) if (times > 1) unnamed.push(`${line}: ${times} times`);
      }
      expect(unnamed).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

describeConformance('the dashboards of the community', ['dashboards'], (path) => {
  it(
    'are answered, and show something but those listed with the reason',
    async () => {
      const wrong: string[] = [];
      const shows = new Map<string, boolean>();
      let ofLines = 0;
      const lines = readFileSync(join(path, 'queries.ndjson'), 'utf8').trimEnd().split('\n');
      for (const line of lines) {
        const { dashboard, expr } = JSON.parse(line) as { dashboard: string; expr: string };
        if (dashboard.startsWith('loki')) {
          if (!isLogql(expr)) continue;
          ofLines++;
          const found = await engine.lines(withAnyLines(expr));
          if (typeof found === 'string') wrong.push(`${dashboard}: ${expr}: ${found}`);
          continue;
        }
        const answer = await engine.range(withEverything(expr));
        if (typeof answer === 'string') wrong.push(`${dashboard}: ${expr}: ${answer}`);
        else shows.set(dashboard, (shows.get(dashboard) ?? false) || answer > 0);
      }
      expect(wrong).toEqual([]);
      expect(ofLines).toBeGreaterThan(1);
      const empty = [...shows].filter(([, isShown]) => !isShown).map(([dashboard]) => dashboard);
      expect(empty.toSorted()).toEqual(Object.keys(UNSHOWN_COMMUNITY).toSorted());
    },
    TIMEOUT_MS,
  );
});

/** Whether a query is about lines: a selector without a metric's name, and a stage behind it. */
function isLogql(expr: string): boolean {
  return /(?:^|\()\s*\{[^}]*\}\s*\|/.test(expr);
}

/** A query for lines with everything chosen that a variable may stand for; a selector needs something. */
function withAnyLines(expr: string): string {
  return expr
    .replaceAll(/=~?"\$\{?[A-Za-z]+\}?"/g, '=~".+"')
    .replaceAll(/\|(=~?|~) "\$\{?[A-Za-z]+\}?"/g, '|= ""')
    .replaceAll(/\$\{?(__)?(auto|interval|rate_interval)\}?/g, '1m')
    .replaceAll(/\$\{?[A-Za-z_]+\}?/g, '.+');
}

/** A query of the community with everything chosen that a variable may stand for. */
function withEverything(expr: string): string {
  return expr
    .replaceAll(/="\$\{?[A-Za-z]+\}?"/g, '=~".*"')
    .replaceAll(/\$\{?__rate_interval\}?/g, '4m')
    .replaceAll(/\$\{?(__)?interval\}?/g, '1m')
    .replaceAll(/\$\{?__range\}?/g, '1h')
    .replaceAll(/\$\{?resolution\}?/g, '5m')
    .replaceAll(/\$\{?[A-Za-z_]+(:[a-z]+)?\}?/g, '.*');
}
