import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { parseExpr } from '#libs/promql';
import { allDashboards, dashboardJson } from './dashboards.ts';
import { overviewQueries } from './overview.queries.ts';

describe('the dashboards', () => {
  it.each(allDashboards())('%s is built from its sources', async (file, dashboard) => {
    const committed = await readFile(new URL(`../dashboards/${file}`, import.meta.url), 'utf8');
    expect(committed).toBe(dashboardJson(dashboard));
  });
  it.each(allDashboards())('%s has a fixed uid and explains each panel', (_file, dashboard) => {
    expect(dashboard.uid).toMatch(/^binnacle-[a-z-]+$/);
    for (const panel of dashboard.panels ?? []) {
      if (panel.type === 'row') continue;
      expect(panel).toMatchObject({ description: expect.stringMatching(/\.$/) });
    }
  });
  it.each(Object.entries(overviewQueries))('the query %s is PromQL', (_name, expr) => {
    const filled = expr.replaceAll('$__rate_interval', '1m').replaceAll('$node', '.*');
    expect(parseExpr(filled).kind).toBeDefined();
  });
});
