import type { Dashboard, Panel } from '@grafana/grafana-foundation-sdk/dashboard';

/** One query of a dashboard. */
export interface PanelQuery {
  /** The panel's title, or the name of an annotation. */
  readonly panel: string;
  readonly refId: string;
  readonly expr: string;
  readonly language: 'promql' | 'logql';
  /** Asked for one moment, as tables and single numbers are, and not for every step of a range. */
  readonly isInstant: boolean;
  /** What its lines are called, with labels in double braces; empty where there are no lines. */
  readonly legend: string;
}

/** Every panel of a dashboard; its rows are headings alone. */
export function panelsOf(dashboard: Dashboard): readonly Panel[] {
  return (dashboard.panels ?? []).filter((panel): panel is Panel => panel.type !== 'row');
}

/** What a dashboard asks, panel by panel. */
export function queriesOf(dashboard: Dashboard): readonly PanelQuery[] {
  return panelsOf(dashboard).flatMap((panel) =>
    (panel.targets ?? []).map((target) => {
      const refId = 'refId' in target ? String(target.refId) : '';
      const expr = 'expr' in target ? String(target.expr) : '';
      const language = panel.datasource?.type === 'loki' ? 'logql' : 'promql';
      const isInstant = 'instant' in target && target.instant === true;
      const legend = 'legendFormat' in target ? String(target.legendFormat) : '';
      return { panel: panel.title ?? '', refId, expr, language, isInstant, legend } as const;
    }),
  );
}

/** What a dashboard's annotations ask. */
export function annotationQueriesOf(dashboard: Dashboard): readonly PanelQuery[] {
  return (dashboard.annotations?.list ?? []).flatMap(({ name, expr }) =>
    expr === undefined
      ? []
      : [
          {
            panel: name,
            refId: 'annotation',
            expr,
            language: 'promql',
            isInstant: false,
            legend: '',
          },
        ],
  );
}

/** A query as Grafana sends it with "All" chosen everywhere. */
export function withAllChosen(expr: string): string {
  return expr
    .replaceAll('$__rate_interval', '5m')
    .replaceAll('$__interval', '1m')
    .replaceAll('$__auto', '1m')
    .replaceAll('$__range_s', '3600')
    .replaceAll('$__range', '1h')
    .replaceAll(/\$\{?(?!__)[a-z]+\}?/g, '.*');
}

/** What Grafana calls a line: the labels that it lacks are left out. */
export function lineName(legend: string, labels: Readonly<Record<string, string>>): string {
  return legend.replaceAll(/\{\{\s*([^{}\s]+)\s*\}\}/g, (_, name: string) => labels[name] ?? '');
}
