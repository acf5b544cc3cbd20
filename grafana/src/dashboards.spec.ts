import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parseLogql, parseLogSelector } from '#libs/logql';
import { parseExpr, PromqlSyntaxError } from '#libs/promql';
import { allDashboards, dashboardJson } from './dashboards.ts';
import { UID } from './links.ts';
import { annotationQueriesOf, panelsOf, queriesOf, withAllChosen } from './panel-queries.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const dashboards = allDashboards();
const byUid = new Map(dashboards.map(([, dashboard]) => [dashboard.uid, dashboard]));

function variablesOf(uid: string | undefined): string[] {
  return (byUid.get(uid)?.templating?.list ?? []).map(({ name }) => name);
}

/** Every link in a dashboard's JSON: of the page, of panels, of cells and of lines. */
function linksOf(json: string): string[] {
  return [...json.matchAll(/"url": "([^"]*)"/g)].map(([, url]) => url ?? '');
}

describe('the dashboards', () => {
  it('are built from their sources, and nothing else lies beside them', async () => {
    const files = (await readdir(join(ROOT, 'grafana/dashboards'), { recursive: true }))
      .filter((file) => file.endsWith('.json'))
      .toSorted();
    expect(files).toEqual(dashboards.map(([file]) => file).toSorted());
    for (const [file, dashboard] of dashboards) {
      const committed = await readFile(join(ROOT, 'grafana/dashboards', file), 'utf8');
      expect({ file, isBuilt: committed === dashboardJson(dashboard) }).toEqual({
        file,
        isBuilt: true,
      });
    }
  });

  it('have unique uids, and every one that is linked to exists', () => {
    expect(byUid.size).toBe(dashboards.length);
    expect(new Set(byUid.keys())).toEqual(new Set<string>(Object.values(UID)));
  });

  it.each(dashboards)('%s fits into a ConfigMap that can be applied', (_file, dashboard) => {
    expect(Buffer.byteLength(dashboardJson(dashboard))).toBeLessThan(200_000);
  });
});

describe.each(dashboards)('%s', (_file, dashboard) => {
  const panels = panelsOf(dashboard);
  const json = dashboardJson(dashboard);

  it('says of itself and of each panel what it shows, in which unit', () => {
    expect(dashboard).toMatchObject({ description: expect.stringMatching(/[.?]$/) });
    expect(dashboard.tags).toContain('binnacle');
    const titles = panels.map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
    for (const panel of panels) {
      expect(panel).toMatchObject({
        title: expect.stringMatching(/\S/),
        description: expect.stringMatching(/\.$/),
      });
      if (panel.type === 'logs') continue;
      expect({ title: panel.title, unit: panel.fieldConfig?.defaults.unit }).toEqual({
        title: panel.title,
        unit: expect.stringMatching(/\S/),
      });
    }
  });

  it('gives every panel at least one query, none of them twice', () => {
    for (const panel of panels) {
      const exprs = queriesOf({ ...dashboard, panels: [panel] }).map(({ expr }) => expr);
      expect({ title: panel.title, some: exprs.length > 0 }).toEqual({
        title: panel.title,
        some: true,
      });
      expect(new Set(exprs).size).toBe(exprs.length);
    }
  });

  it('uses only variables that it defines', () => {
    const used = [...json.matchAll(/\$\{?([a-z]+)\b(?!\.)/g)].map(([, name]) => name ?? '');
    const defined = variablesOf(dashboard.uid);
    expect(used.filter((name) => !defined.includes(name))).toEqual([]);
    expect(defined.slice(0, 2)).toEqual(['datasource', 'cluster']);
  });

  it('links to dashboards that exist and to variables that they have', () => {
    const links = linksOf(json);
    expect(links.length).toBeGreaterThan(2);
    for (const link of links) {
      const url = new URL(link, 'http://grafana');
      const uid = /^\/d\/([a-z0-9-]+)$/.exec(url.pathname)?.[1];
      expect([...byUid.keys()]).toContain(uid);
      const given = [...link.matchAll(/var-([a-z]+)=|\$\{([a-z]+):queryparam\}/g)].map(
        ([, set, kept]) => set ?? kept,
      );
      expect({
        link,
        unknown: given.filter((name) => !variablesOf(uid).includes(name ?? '')),
      }).toEqual({ link, unknown: [] });
    }
  });

  it('marks alerts and rollouts in its diagrams', () => {
    const names = (dashboard.annotations?.list ?? []).map(({ name }) => name);
    expect(names).toEqual([expect.stringMatching(/alerts/i), 'Rollouts']);
  });
});

describe('the queries', () => {
  it('are PromQL and read only metrics that exist', async () => {
    const known = await knownMetrics();
    const unknown: string[] = [];
    for (const [file, dashboard] of dashboards) {
      for (const query of [...queriesOf(dashboard), ...annotationQueriesOf(dashboard)]) {
        if (query.language !== 'promql') continue;
        for (const metric of metricsOf(query.expr)) {
          if (!known.has(metric)) unknown.push(`${file}: ${query.panel}: ${metric}`);
        }
      }
    }
    expect(unknown).toEqual([]);
  });

  it('are LogQL where they read lines, of streams that our collectors send', () => {
    const labels = new Set<string>();
    for (const [, dashboard] of dashboards) {
      for (const { expr, language } of queriesOf(dashboard)) {
        if (language !== 'logql') continue;
        parseLogql(withAllChosen(expr));
        const selector = /\{[^}]*\}/.exec(withAllChosen(expr))?.[0] ?? '';
        for (const { name } of parseLogSelector(selector)) labels.add(name);
      }
    }
    expect([...labels].toSorted()).toEqual(['namespace', 'pod', 'tag']);
  });

  it('would be refused with a typing error, in the syntax and in a name', async () => {
    expect(() => metricsOf('sum(up{job="a"}')).toThrow(PromqlSyntaxError);
    const known = await knownMetrics();
    expect(metricsOf('rate(kube_pod_inof[$__rate_interval])').filter((m) => !known.has(m))).toEqual(
      ['kube_pod_inof'],
    );
  });
});

/** The names of the metrics that a query reads. */
function metricsOf(expr: string): string[] {
  const names: string[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if ('kind' in value && value.kind === 'vector-selector') {
      names.push(String('metricName' in value ? value.metricName : ''));
    }
    for (const child of Object.values(value)) visit(child);
  };
  visit(parseExpr(withAllChosen(expr)));
  return names;
}

/** Metrics of clusters and recording rules by the lists beside, our own by the names in our sources. */
async function knownMetrics(): Promise<Set<string>> {
  const lists = await Promise.all(
    ['cluster-metrics.txt', 'recording-rules.txt'].map((file) =>
      readFile(join(ROOT, 'grafana/testdata', file), 'utf8'),
    ),
  );
  const known = new Set(
    lists.flatMap((list) => list.split('\n')).filter((line) => /^[^#]/.test(line)),
  );
  for (const folder of ['apps', 'libs']) {
    for (const file of await readdir(join(ROOT, folder), { recursive: true })) {
      if (!file.endsWith('.ts') || file.endsWith('.spec.ts')) continue;
      const source = await readFile(join(ROOT, folder, file), 'utf8');
      const names = source.matchAll(
        /['"`]((?:alertmanager|binnacle|prometheus|probe|scrape)_[a-z0-9_]+)['"`]/g,
      );
      for (const [, name = ''] of names) {
        for (const suffix of ['', '_bucket', '_count', '_sum']) known.add(name + suffix);
      }
    }
  }
  return known;
}
