import * as common from '@grafana/grafana-foundation-sdk/common';
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  DashboardLinkBuilder,
  type DynamicConfigValue,
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  type Panel,
  SpecialValueMatch,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type ValueMapping,
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

/** Where names mean something, their colours do too. */
export const SEVERITY_COLORS = { critical: 'red', warning: 'orange', info: 'blue' } as const;
/** The levels of log lines. */
export const LEVEL_COLORS = {
  fatal: 'dark-red',
  error: 'red',
  warn: 'orange',
  info: 'green',
  debug: 'blue',
  trace: 'purple',
} as const;
/** The codes of answers, by their first digit. */
export const CODE_COLORS = { '/2../': 'green', '/3../': 'blue', '/4../': 'orange', '/5../': 'red' };

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
  readonly height?: number;
  readonly decimals?: number;
  /** Where a click on the number leads. */
  readonly links?: readonly PanelLink[];
  /** Shown instead of "No data", in grey since it is neither good nor bad: why there is none. */
  readonly noValue?: string;
  /** Words instead of the numbers 1 and 0, for what is a state and no count. */
  readonly words?: readonly [one: string, zero: string];
}

const GREY = '#6e7076';

function mappings({ noValue, words }: StatOptions): ValueMapping[] {
  const all: ValueMapping[] = [];
  if (words !== undefined) {
    const [one, zero] = words;
    all.push({ type: MappingType.ValueToText, options: { 1: { text: one }, 0: { text: zero } } });
  }
  if (noValue !== undefined) {
    all.push({
      type: MappingType.SpecialValue,
      options: { match: SpecialValueMatch.NullAndNan, result: { text: noValue, color: GREY } },
    });
  }
  return all;
}

/** One number of the present moment, coloured by how bad it is. */
export function stat(
  title: string,
  description: string,
  expr: string,
  options: StatOptions = {},
): PanelBuilder {
  const { unit = 'short', width = 4, height = 4, links = [], decimals } = options;
  const panel = new StatBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .unit(unit)
    .span(width)
    .height(height)
    .thresholds(thresholds(options.steps ?? NEUTRAL))
    .mappings(mappings(options))
    .colorMode(common.BigValueColorMode.Background)
    .graphMode(common.BigValueGraphMode.None)
    .withTarget(instantQuery('A', expr));
  if (links.length > 0) panel.dataLinks(toLinks(links));
  if (decimals !== undefined) panel.decimals(decimals);
  return panel;
}

export interface LinesOptions {
  readonly width?: number;
  readonly height?: number;
  /** Areas on top of each other: the parts of a whole. */
  readonly stacked?: boolean;
  readonly max?: number;
  /** Drawn as dashed lines. */
  readonly steps?: readonly ThresholdStep[];
  /** Where a click on a line leads. */
  readonly links?: readonly PanelLink[];
  /** Colours of lines by their name, or by a regular expression between slashes. */
  readonly colors?: Readonly<Record<string, string>>;
  /** What runs out is bad: the line with least comes first below the diagram. */
  readonly leastFirst?: boolean;
  /** Shown instead of "No data": that there is none is often good. */
  readonly noValue?: string;
}

/** Lines over time from zero up, with a table of their last and largest values below, the largest first if not told otherwise. */
export function lines(
  title: string,
  description: string,
  unit: string,
  queries: readonly Query[],
  options: LinesOptions = {},
): PanelBuilder {
  // What filters shows nothing while all is well; "No data" would read like a fault of its own.
  const isQuietWhenWell = queries.every(([expr]) => expr.endsWith('> 0'));
  const panel = emptyLines(title, description, unit, {
    ...(isQuietWhenWell ? { noValue: 'none' } : {}),
    ...options,
  });
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
    // Areas of lines that are not parts of a whole would cover each other.
    .fillOpacity(stacked ? 60 : 0)
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
        .calcs(['lastNotNull', 'max'])
        .sortBy('Last *')
        .sortDesc(options.leastFirst !== true),
    );
  if (stacked)
    panel.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'));
  if (options.max !== undefined) panel.max(options.max);
  if (options.noValue !== undefined) panel.noValue(options.noValue);
  for (const [name, color] of Object.entries(options.colors ?? {})) {
    const properties: DynamicConfigValue[] = [
      { id: 'color', value: { mode: FieldColorModeId.Fixed, fixedColor: color } },
    ];
    if (name.startsWith('/')) panel.overrideByRegexp(name, properties);
    else panel.overrideByName(name, properties);
  }
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
  options: {
    readonly height?: number;
    readonly links?: readonly PanelLink[];
    readonly noValue?: string;
  } = {},
): PanelBuilder {
  const { height = 9, links = [], noValue } = options;
  const panel = new TimelineBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .unit('short')
    .span(24)
    .height(height)
    .showValue(common.VisibilityMode.Never)
    .mergeValues(true)
    .thresholds(thresholds(states))
    // Without it Grafana shades from green for the least to red for the most: a 1 that is good would be red.
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds));
  if (noValue !== undefined) panel.noValue(noValue);
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
