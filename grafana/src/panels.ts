import * as common from '@grafana/grafana-foundation-sdk/common';
import { ThresholdsConfigBuilder, ThresholdsMode } from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimeSeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

/** The data source that the dashboard's `datasource` variable has chosen. */
export const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

/** From this value on, this colour; the first has no lower end. */
export type ThresholdStep = readonly [from: number | null, color: string];

export interface PanelOptions {
  readonly title: string;
  readonly description: string;
  readonly unit: string;
  /** Width in the 24 columns of a dashboard, height in its rows. */
  readonly width: number;
  readonly height: number;
}

/** A query over the dashboard's time range. */
function rangeQuery(refId: string, expr: string, legend: string): DataqueryBuilder {
  return new DataqueryBuilder()
    .datasource(DATASOURCE)
    .refId(refId)
    .expr(expr)
    .legendFormat(legend)
    .range();
}

/** A query of the present moment. */
export function instantQuery(refId: string, expr: string): DataqueryBuilder {
  return new DataqueryBuilder().datasource(DATASOURCE).refId(refId).expr(expr).instant();
}

function thresholds(steps: readonly ThresholdStep[]): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps(steps.map(([value, color]) => ({ value, color })));
}

/** One number, coloured by how bad it is. */
export function statPanel(
  options: PanelOptions,
  expr: string,
  steps: readonly ThresholdStep[],
): StatBuilder {
  return new StatBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(DATASOURCE)
    .unit(options.unit)
    .span(options.width)
    .height(options.height)
    .thresholds(thresholds(steps))
    .colorMode(common.BigValueColorMode.Background)
    .withTarget(instantQuery('A', expr));
}

/** Lines over time, with a table of the last and largest values below. */
export function timeSeriesPanel(
  options: PanelOptions,
  queries: readonly (readonly [expr: string, legend: string])[],
): TimeSeriesBuilder {
  const panel = new TimeSeriesBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(DATASOURCE)
    .unit(options.unit)
    .span(options.width)
    .height(options.height)
    .lineWidth(1)
    .fillOpacity(10)
    .showPoints(common.VisibilityMode.Never)
    .legend(
      new common.VizLegendOptionsBuilder()
        .displayMode(common.LegendDisplayMode.Table)
        .placement(common.LegendPlacement.Bottom)
        .showLegend(true)
        .calcs(['lastNotNull', 'max']),
    );
  queries.forEach(([expr, legend], i) => {
    panel.withTarget(rangeQuery(String.fromCodePoint(65 + i), expr, legend));
  });
  return panel;
}
