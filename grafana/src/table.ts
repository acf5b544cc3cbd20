import {
  TableCellDisplayMode,
  TableSortByFieldStateBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import { type DynamicConfigValue, ThresholdsMode } from '@grafana/grafana-foundation-sdk/dashboard';
import { PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import type { PanelLink } from './links.ts';
import { instantQuery, type PanelBuilder, refId, type ThresholdStep } from './panels.ts';
import { DATASOURCE } from './scopes.ts';

/** A column of numbers: a query with one series for each row of the table. */
interface Column {
  readonly name: string;
  readonly expr: string;
  readonly unit?: string;
  /** Colours the cells. */
  readonly steps?: readonly ThresholdStep[];
}

export interface TableOptions {
  /** The labels that are shown, in this order. They are all that the columns' series have in common. */
  readonly labels: readonly string[];
  readonly columns: readonly Column[];
  /** Links of the cells of a label. */
  readonly links?: Readonly<Record<string, readonly PanelLink[]>>;
  /** The column to sort by, the largest first unless `ascending`; the first one of the numbers if not told. */
  readonly sortBy?: string;
  readonly ascending?: boolean;
  readonly width?: number;
  readonly height?: number;
}

/** A row for each set of labels, a column for each query. */
export function table(title: string, description: string, options: TableOptions): PanelBuilder {
  const { labels, columns, links = {}, width = 24, height = 9 } = options;
  const only = columns.length === 1;
  // With one query Grafana calls its values "Value", with several "Value #A", "Value #B"…
  const named = columns.map(
    ({ name }, i) => [only ? 'Value' : `Value #${refId(i)}`, name] as const,
  );
  const panel = new TableBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .unit('short')
    .span(width)
    .height(height)
    .filterable(true)
    .noValue('none')
    .sortBy([
      new TableSortByFieldStateBuilder()
        .displayName(options.sortBy ?? columns[0]?.name ?? '')
        .desc(options.ascending !== true),
    ])
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({
      id: 'filterFieldsByName',
      options: { include: { names: [...labels, ...named.map(([field]) => field)] } },
    })
    .withTransformation({
      id: 'organize',
      options: {
        indexByName: Object.fromEntries(
          [...labels, ...named.map(([field]) => field)].map((field, i) => [field, i]),
        ),
        renameByName: Object.fromEntries(named),
      },
    });
  columns.forEach((column, i) => {
    panel.withTarget(instantQuery(refId(i), column.expr).format(PromQueryFormat.Table));
    panel.overrideByName(column.name, look(column));
  });
  for (const [label, cellLinks] of Object.entries(links)) {
    panel.overrideByName(label, [{ id: 'links', value: cellLinks }]);
  }
  return panel;
}

function look({ unit, steps }: Column): DynamicConfigValue[] {
  const properties: DynamicConfigValue[] = [{ id: 'unit', value: unit ?? 'short' }];
  if (steps === undefined) return properties;
  const colors = steps.map(([value, color]) => ({ value, color }));
  return [
    ...properties,
    { id: 'thresholds', value: { mode: ThresholdsMode.Absolute, steps: colors } },
    { id: 'custom.cellOptions', value: { type: TableCellDisplayMode.ColorText } },
  ];
}
