import {
  AnnotationQueryBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  RowBuilder,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { type DashboardName, UID } from './links.ts';
import type { PanelBuilder } from './panels.ts';
import {
  CLUSTER,
  DATASOURCE,
  datasourceVariable,
  labelVariable,
  NAMESPACE,
  type VariableName,
} from './scopes.ts';

/** A folder in Grafana, and the folder of the JSON files. */
export type Folder = 'Binnacle' | 'Kubernetes' | 'Nodes';

/** A heading and the panels below it, from left to right, from top to bottom. */
export type Row = readonly [title: string, panels: readonly PanelBuilder[]];

export interface DashboardOptions {
  readonly name: DashboardName;
  readonly title: string;
  readonly description: string;
  /** After the data source, in this order: each may use those before it. */
  readonly variables: readonly VariableName[];
  /** The variable whose value the page is about: it has no "All". */
  readonly subject?: VariableName;
  readonly rows: readonly Row[];
  readonly from?: string;
}

/** A dashboard as it is written to a file. */
export interface PlacedDashboard {
  readonly folder: Folder;
  readonly dashboard: Dashboard;
}

/** A dashboard with the look, variables, annotations and links that all of ours share. */
export function dashboard(folder: Folder, options: DashboardOptions): PlacedDashboard {
  const { name, title, description, variables, subject, rows, from = 'now-1h' } = options;
  const builder = new DashboardBuilder(`${folder} / ${title}`)
    .uid(UID[name])
    .description(description)
    .tags(['binnacle', folder.toLowerCase()].filter((tag, i, all) => all.indexOf(tag) === i))
    .time({ from, to: 'now' })
    .refresh('30s')
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(datasourceVariable('datasource'));
  for (const variable of variables) {
    builder.withVariable(
      variable === 'logs'
        ? datasourceVariable('logs')
        : labelVariable(variable, variable !== subject),
    );
  }
  const hasNamespace = variables.includes('namespace');
  builder.annotation(hasNamespace ? alertsOfNamespaces() : criticalAlerts());
  builder.annotation(rolloutsOf(hasNamespace ? NAMESPACE : CLUSTER, hasNamespace));
  for (const link of [
    plainLink('Overview', 'overview'),
    plainLink('Alerts', 'alerts'),
    plainLink('Logs', 'logs'),
    folderLink('Kubernetes', 'kubernetes'),
    folderLink('Nodes', 'nodes'),
    folderLink('All', 'binnacle'),
  ]) {
    builder.link(link);
  }
  for (const [heading, panels] of rows) {
    builder.withRow(new RowBuilder(heading));
    for (const panel of panels) builder.withPanel(panel);
  }
  return { folder, dashboard: withVisibleControls(builder.build()) };
}

/** The SDK puts links and switches of annotations into a menu; they belong where they are seen. */
function withVisibleControls(built: Dashboard): Dashboard {
  for (const control of [...(built.links ?? []), ...(built.annotations?.list ?? [])]) {
    delete control.placement;
  }
  return built;
}

function annotation(name: string, expr: string, color: string): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name(name)
    .datasource(DATASOURCE)
    .enable(true)
    .iconColor(color)
    .expr(expr)
    .step('60s');
}

function alertsOfNamespaces(): AnnotationQueryBuilder {
  return annotation(
    'Alerts',
    `ALERTS{alertstate="firing", severity=~"critical|warning", ${NAMESPACE}}`,
    'red',
  )
    .titleFormat('{{alertname}}')
    .textFormat('{{severity}} {{namespace}} {{pod}}');
}

function criticalAlerts(): AnnotationQueryBuilder {
  return annotation(
    'Critical alerts',
    `ALERTS{alertstate="firing", severity="critical", ${CLUSTER}}`,
    'red',
  )
    .titleFormat('{{alertname}}')
    .textFormat('{{namespace}} {{instance}}');
}

/** A rollout is under way as long as there are pods of an older template; a change of scale alone is none. */
function rolloutsOf(scope: string, enabled: boolean): AnnotationQueryBuilder {
  return annotation(
    'Rollouts',
    [
      `kube_deployment_status_replicas_updated{${scope}} < kube_deployment_status_replicas{${scope}}`,
      `kube_statefulset_status_replicas_updated{${scope}} < kube_statefulset_status_replicas{${scope}}`,
      `kube_daemonset_status_updated_number_scheduled{${scope}} < kube_daemonset_status_current_number_scheduled{${scope}}`,
    ].join(' or '),
    'blue',
  )
    .enable(enabled)
    .titleFormat('Rollout of {{deployment}}{{statefulset}}{{daemonset}}')
    .textFormat('{{namespace}}');
}

function plainLink(title: string, to: DashboardName): DashboardLinkBuilder {
  return new DashboardLinkBuilder(title)
    .type(DashboardLinkType.Link)
    .url(`/d/${UID[to]}`)
    .icon('external link')
    .includeVars(true)
    .keepTime(true);
}

function folderLink(title: string, tag: string): DashboardLinkBuilder {
  return new DashboardLinkBuilder(title)
    .type(DashboardLinkType.Dashboards)
    .tags([tag])
    .asDropdown(true)
    .includeVars(true)
    .keepTime(true);
}
