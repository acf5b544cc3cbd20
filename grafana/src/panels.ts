import * as common from '@grafana/grafana-foundation-sdk/common';
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  DashboardLinkBuilder,
  type Panel,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as LogsBuilder } from '@grafana/grafana-foundation-sdk/logs';
import { DataqueryBuilder as LokiQueryBuilder } from '@grafana/grafana-foundation-sdk/loki';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as TimeSeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import type { PanelLink } from './links.ts';
import { DATASOURCE, LOGS } from './scopes.ts';

/** A panel of a dashboard, not yet placed. */
export type PanelBuilder = Builder<Panel>;
/** From this value on, this colour; the first has no lower end. */
export type ThresholdStep = readonly [from: number | null, color: string];
/** A query and how its lines are called. */
export type Query = readonly [expr: string, legend: string];

/** One of something is already bad. */
export const BAD_FROM_ONE = steps('green', [1, 'red']);
/** One of something deserves a look. */
export const WARN_FROM_ONE = steps('green', [1, 'orange']);
/** A state: 1 is good, less is not. */
export const BAD_BELOW_ONE = steps('red', [1, 'green']);
/** A share of something that runs full. */
export const FULL = steps('green', [0.8, 'orange'], [0.9, 'red']);
/** A number that is neither good nor bad. */
export const NEUTRAL = steps('blue');

/** Colours by value: the first below all others. */
export function steps(
  first: string,
  ...more: readonly (readonly [number, string])[]
): readonly ThresholdStep[] {
  return [[null, first], ...more];
}

/** A query over the dashboard's time range. */
function rangeQuery(id: string, expr: string, legend: string): DataqueryBuilder {
  return instantQuery(id, expr).legendFormat(legend).range();
}

/** A query of the present moment. */
export function instantQuery(id: string, expr: string): DataqueryBuilder {
  return new DataqueryBuilder().datasource(DATASOURCE).refId(id).expr(expr).instant();
}

/** The name of the i-th query of a panel. */
export function refId(i: number): string {
  return String.fromCodePoint(65 + i);
}

function thresholds(of: readonly ThresholdStep[]): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps(of.map(([value, color]) => ({ value, color })));
}

function toLinks(links: readonly PanelLink[]): DashboardLinkBuilder[] {
  return links.map(({ title, url }) => new DashboardLinkBuilder(title).url(url));
}

export interface StatOptions {
  readonly unit?: string;
  readonly steps?: readonly ThresholdStep[];
  /** Of the 24 columns. */
  readonly width?: number;
  readonly decimals?: number;
  /** Where a click on the number leads. */
  readonly links?: readonly PanelLink[];
  /** Shown instead of "No data": why there is none. */
  readonly noValue?: string;
}

/** One number of the present moment, coloured by how bad it is. */
export function stat(
  title: string,
  description: string,
  expr: string,
  options: StatOptions = {},
): PanelBuilder {
  const { unit = 'short', width = 4, links = [], decimals, noValue } = options;
  const panel = new StatBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .unit(unit)
    .span(width)
    .height(4)
    .thresholds(thresholds(options.steps ?? NEUTRAL))
    .colorMode(common.BigValueColorMode.Background)
    .graphMode(common.BigValueGraphMode.None)
    .withTarget(instantQuery('A', expr));
  if (links.length > 0) panel.dataLinks(toLinks(links));
  if (decimals !== undefined) panel.decimals(decimals);
  if (noValue !== undefined) panel.noValue(noValue);
  return panel;
}

export interface LinesOptions {
  readonly width?: number;
  readonly height?: number;
  /** Areas on top of each other: the parts of a whole. */
  readonly stacked?: boolean;
  readonly max?: number;
  /** Drawn as areas of colour behind the lines. */
  readonly steps?: readonly ThresholdStep[];
  /** Where a click on a line leads. */
  readonly links?: readonly PanelLink[];
}

/** Lines over time from zero up, with a table of their last and largest values below. */
export function lines(
  title: string,
  description: string,
  unit: string,
  queries: readonly Query[],
  options: LinesOptions = {},
): PanelBuilder {
  const panel = emptyLines(title, description, unit, options);
  queries.forEach(([expr, legend], i) => {
    panel.withTarget(rangeQuery(refId(i), expr, legend));
  });
  return panel;
}

/** What LogQL counts over lines, over time. */
export function countedLines(
  title: string,
  description: string,
  unit: string,
  [expr, legend]: Query,
  options: LinesOptions = {},
): PanelBuilder {
  return emptyLines(title, description, unit, options)
    .datasource(LOGS)
    .withTarget(new LokiQueryBuilder().refId('A').expr(expr).legendFormat(legend).range(true));
}

function emptyLines(
  title: string,
  description: string,
  unit: string,
  options: LinesOptions,
): TimeSeriesBuilder {
  const { width = 12, height = 8, stacked = false, links = [] } = options;
  const panel = new TimeSeriesBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .unit(unit)
    .span(width)
    .height(height)
    .min(0)
    .lineWidth(1)
    .fillOpacity(stacked ? 60 : 10)
    .showPoints(common.VisibilityMode.Never)
    .tooltip(
      new common.VizTooltipOptionsBuilder()
        .mode(common.TooltipDisplayMode.Multi)
        // oxlint-disable-next-line unicorn/no-array-sort -- the method of a builder
        .sort(common.SortOrder.Descending),
    )
    .legend(
      new common.VizLegendOptionsBuilder()
        .displayMode(common.LegendDisplayMode.Table)
        .placement(common.LegendPlacement.Bottom)
        .showLegend(true)
        .calcs(['lastNotNull', 'max']),
    );
  if (stacked)
    panel.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'));
  if (options.max !== undefined) panel.max(options.max);
  if (options.steps !== undefined) {
    panel
      .thresholds(thresholds(options.steps))
      .thresholdsStyle(
        new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed),
      );
  }
  if (links.length > 0) panel.dataLinks(toLinks(links));
  return panel;
}

/** A band per series over time, coloured by its value: when was what in which state. */
export function timeline(
  title: string,
  description: string,
  queries: readonly Query[],
  states: readonly ThresholdStep[],
  options: { readonly height?: number; readonly links?: readonly PanelLink[] } = {},
): PanelBuilder {
  const { height = 9, links = [] } = options;
  const panel = new TimelineBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .unit('short')
    .span(24)
    .height(height)
    .showValue(common.VisibilityMode.Never)
    .mergeValues(true)
    .thresholds(thresholds(states));
  if (links.length > 0) panel.dataLinks(toLinks(links));
  queries.forEach(([expr, legend], i) => {
    panel.withTarget(rangeQuery(refId(i), expr, legend));
  });
  return panel;
}

/** The lines that a LogQL query finds, newest first. */
export function logLines(title: string, description: string, expr: string): PanelBuilder {
  return new LogsBuilder()
    .title(title)
    .description(description)
    .datasource(LOGS)
    .span(24)
    .height(14)
    .showTime(true)
    .wrapLogMessage(true)
    .sortOrder(common.LogsSortOrder.Descending)
    .withTarget(new LokiQueryBuilder().refId('A').expr(expr).maxLines(500));
}
