import {
  TableCellDisplayMode,
  TableSortByFieldStateBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  type DynamicConfigValue,
  MappingType,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import type { PanelLink } from './links.ts';
import {
  instantQuery,
  type PanelBuilder,
  refId,
  SEVERITY_COLORS,
  type ThresholdStep,
} from './panels.ts';
import { DATASOURCE } from './scopes.ts';

/** A column of numbers: a query with one series for each row of the table. */
interface Column {
  readonly name: string;
  readonly expr: string;
  readonly unit?: string;
  /** Colours the cells. */
  readonly steps?: readonly ThresholdStep[];
  /** A word instead of the number 1, for what is a state and no count. */
  readonly one?: string;
}

export interface TableOptions {
  /** The labels that are shown, in this order. They are all that the columns' series have in common. */
  readonly labels: readonly string[];
  readonly columns: readonly Column[];
  /** Heads of columns of labels that mean something else here than usual. */
  readonly headings?: Readonly<Record<string, string>>;
  /** Links of the cells of a label. */
  readonly links?: Readonly<Record<string, readonly PanelLink[]>>;
  /** The label or column to sort by, the largest first unless `ascending`; the first one of the numbers if not told. */
  readonly sortBy?: string;
  readonly ascending?: boolean;
  readonly width?: number;
  readonly height?: number;
  /** Shown instead of an empty table. */
  readonly noValue?: string;
}

/** How a label is called at the head of its column, and how wide that is where its share of the room would not do. */
const HEADINGS: Readonly<Record<string, readonly [heading: string, width?: number]>> = {
  alertname: ['Alert', 290],
  alertstate: ['State', 80],
  cronjob: ['Cron job'],
  daemonset: ['Daemon set'],
  horizontalpodautoscaler: ['Autoscaler'],
  job_name: ['Job'],
  mountpoint: ['Mounted at'],
  namespace: ['Namespace', 120],
  persistentvolumeclaim: ['Claim', 190],
  pod: ['Pod', 220],
  probe_type: ['Probe'],
  reason: ['Reason', 190],
  resourcequota: ['Quota'],
  severity: ['Severity', 80],
  statefulset: ['Stateful set'],
  storageclass: ['Storage class'],
  workload_type: ['Kind'],
};

/** A row for each set of labels, a column for each query. */
export function table(title: string, description: string, options: TableOptions): PanelBuilder {
  const { labels, columns, links = {}, width = 24, height = 9, noValue = 'none' } = options;
  const only = columns.length === 1;
  const heading = (label: string): string =>
    options.headings?.[label] ??
    HEADINGS[label]?.[0] ??
    `${label.slice(0, 1).toUpperCase()}${label.slice(1)}`;
  // With one query Grafana calls its values "Value", with several "Value #A", "Value #B"…
  const named = [
    ...labels.map((label) => [label, heading(label)] as const),
    ...columns.map(({ name }, i) => [only ? 'Value' : `Value #${refId(i)}`, name] as const),
  ];
  const sorted = options.sortBy ?? columns[0]?.name ?? '';
  const panel = new TableBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .unit('short')
    .span(width)
    .height(height)
    .filterable(true)
    .minWidth(80)
    .noValue(noValue)
    // Of the whole table, that is; a cell without a value stays empty.
    .overrideByRegexp('/.*/', [{ id: 'noValue', value: '' }])
    .sortBy([
      new TableSortByFieldStateBuilder()
        .displayName(labels.includes(sorted) ? heading(sorted) : sorted)
        .desc(options.ascending !== true),
    ])
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({
      id: 'filterFieldsByName',
      options: { include: { names: named.map(([field]) => field) } },
    })
    .withTransformation({
      id: 'organize',
      options: {
        indexByName: Object.fromEntries(named.map(([field], i) => [field, i])),
        renameByName: Object.fromEntries(named),
      },
    });
  for (const label of labels) {
    const look = lookOfLabel(label, links[label]);
    if (look.length > 0) panel.overrideByName(heading(label), look);
  }
  columns.forEach((column, i) => {
    panel.withTarget(instantQuery(refId(i), column.expr).format(PromQueryFormat.Table));
    panel.overrideByName(column.name, lookOfNumbers(column));
  });
  return panel;
}

function lookOfLabel(label: string, links?: readonly PanelLink[]): DynamicConfigValue[] {
  const properties: DynamicConfigValue[] = [];
  const width = HEADINGS[label]?.[1];
  if (width !== undefined) properties.push({ id: 'custom.width', value: width });
  if (links !== undefined) properties.push({ id: 'links', value: links });
  if (label === 'severity') {
    const options = Object.fromEntries(
      Object.entries(SEVERITY_COLORS).map(([text, color]) => [text, { text, color }]),
    );
    properties.push(
      { id: 'mappings', value: [{ type: MappingType.ValueToText, options }] },
      { id: 'custom.cellOptions', value: { type: TableCellDisplayMode.ColorText } },
    );
  }
  return properties;
}

function lookOfNumbers({ unit, steps, one }: Column): DynamicConfigValue[] {
  const properties: DynamicConfigValue[] = [{ id: 'unit', value: unit ?? 'short' }];
  if (one !== undefined) {
    const options = { 1: { text: one }, 0: { text: '' } };
    properties.push({ id: 'mappings', value: [{ type: MappingType.ValueToText, options }] });
  }
  if (steps === undefined) return properties;
  const colors = steps.map(([value, color]) => ({ value, color }));
  return [
    ...properties,
    { id: 'thresholds', value: { mode: ThresholdsMode.Absolute, steps: colors } },
    { id: 'custom.cellOptions', value: { type: TableCellDisplayMode.ColorText } },
  ];
}
