import { describe, expect, it } from '@jest/globals';
import type { Dashboard, Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { allDashboards, dashboardJson } from './dashboards.ts';
import { panelsOf } from './panel-queries.ts';

/*
 * What a reader sees of a dashboard, as far as its JSON tells: Grafana draws all of these without a word of warning.
 */

interface TableTransformation {
  readonly id: string;
  readonly options: {
    readonly include?: { readonly names: readonly string[] };
    readonly renameByName?: Readonly<Record<string, string>>;
  };
}

interface Override {
  readonly matcher: { readonly id: string; readonly options?: unknown };
  readonly properties: readonly { readonly id: string; readonly value?: unknown }[];
}

const COLUMNS = 24;
const dashboards = allDashboards();
const byUid = new Map(dashboards.map(([, dashboard]) => [dashboard.uid, dashboard]));

/** The fields that a table keeps, with the heads of their columns. */
function headsOf(panel: Panel): ReadonlyMap<string, string> {
  const transformations = (panel.transformations ??
    []) as unknown as readonly TableTransformation[];
  const named = transformations.flatMap(({ options }) =>
    Object.entries(options.renameByName ?? {}),
  );
  const heads = new Map(named);
  const kept = transformations.flatMap(({ options }) => options.include?.names ?? []);
  return new Map(kept.map((field) => [field, heads.get(field) ?? field]));
}

function overridesOf(panel: Panel): readonly Override[] {
  return panel.fieldConfig?.overrides ?? [];
}

/** The titles of what lies on a cell of the grid, from top to bottom, from left to right. */
function gridOf(dashboard: Dashboard): readonly (readonly string[])[][] {
  const grid: string[][][] = [];
  for (const { gridPos, title = '' } of dashboard.panels ?? []) {
    const { x, y, w, h } = gridPos ?? { x: 0, y: 0, w: 0, h: 0 };
    for (let row = y; row < y + h; row++) {
      grid[row] ??= Array.from({ length: COLUMNS }, () => []);
      for (let column = x; column < x + w; column++) {
        (grid[row]?.[column] ?? grid[row]?.[0])?.push(title);
      }
    }
  }
  return grid;
}

function hasAll(dashboard: Dashboard | undefined, variable: string): boolean {
  const found = dashboard?.templating?.list?.find(({ name }) => name === variable);
  return found?.includeAll === true;
}

describe.each(dashboards)('%s', (_file, dashboard) => {
  const panels = panelsOf(dashboard);

  it('fills its grid, without holes and without panels on top of each other', () => {
    const wrong = gridOf(dashboard).flatMap((row, y) =>
      row.flatMap((titles, x) => (titles.length === 1 ? [] : [{ x, y, titles }])),
    );
    expect(wrong.slice(0, 3)).toEqual([]);
  });

  it('shows its links and the switches of its annotations, in no menu', () => {
    const controls = [...(dashboard.links ?? []), ...(dashboard.annotations?.list ?? [])];
    expect(controls.length).toBeGreaterThan(2);
    expect(controls.filter((control) => 'placement' in control)).toEqual([]);
  });

  it('names every line of its diagrams by labels', () => {
    const unnamed = panels
      .filter(({ type }) => type === 'timeseries' || type === 'state-timeline')
      .filter(({ targets = [] }) =>
        targets.some(
          (target) => !('legendFormat' in target && /\S/.test(String(target.legendFormat))),
        ),
      );
    expect(unnamed.map(({ title }) => title)).toEqual([]);
  });

  it('colours states by their thresholds, not by how large the number is', () => {
    for (const { title, type, fieldConfig } of panels) {
      if (type !== 'state-timeline') continue;
      expect({ title, mode: fieldConfig?.defaults.color?.mode }).toEqual({
        title,
        mode: 'thresholds',
      });
    }
  });

  it('heads the columns of its tables with words, each with its unit', () => {
    for (const panel of panels) {
      if (panel.type !== 'table') continue;
      const heads = [...headsOf(panel).values()];
      expect(heads.length).toBeGreaterThan(1);
      expect(new Set(heads).size).toBe(heads.length);
      expect(heads.filter((head) => !/^[A-Z][A-Za-z0-9 ]+$|^Up$/.test(head))).toEqual([]);
      const named = overridesOf(panel).filter(({ matcher }) => matcher.id === 'byName');
      expect(named.filter(({ matcher }) => !heads.includes(String(matcher.options)))).toEqual([]);
      const numbers = [...headsOf(panel)].filter(([field]) => field.startsWith('Value'));
      const withUnit = named
        .filter(({ properties }) => properties.some(({ id }) => id === 'unit'))
        .map(({ matcher }) => matcher.options);
      expect(withUnit).toEqual(numbers.map(([, head]) => head));
      const sorted = (panel.options as { sortBy: { displayName: string }[] }).sortBy;
      expect(heads).toContain(sorted[0]?.displayName);
    }
  });

  it('links from the cells of its tables by labels that their rows have', () => {
    for (const panel of panels) {
      if (panel.type !== 'table') continue;
      const used = [...JSON.stringify(panel).matchAll(/\$\{__data\.fields\.([a-z_]+)\}/g)];
      const missing = used.filter(([, label = '']) => !headsOf(panel).has(label));
      expect({ title: panel.title, missing }).toEqual({ title: panel.title, missing: [] });
    }
  });

  it('hands "All" on only to pages that have it', () => {
    const links = [...dashboardJson(dashboard).matchAll(/"url": "\/d\/([a-z0-9-]+)\?([^"]*)"/g)];
    const lost = links.flatMap(([link, uid, query = '']) =>
      [...query.matchAll(/\$\{([a-z]+):queryparam\}/g)]
        .map(([, name = '']) => name)
        .filter((name) => hasAll(dashboard, name) && !hasAll(byUid.get(uid), name))
        .map((name) => `${name} of ${link}`),
    );
    expect(lost).toEqual([]);
  });
});
