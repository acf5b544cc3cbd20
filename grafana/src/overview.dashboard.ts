import {
  DashboardBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { overviewQueries as queries } from './overview.queries.ts';
import {
  DATASOURCE,
  instantQuery,
  type PanelOptions,
  statPanel,
  type ThresholdStep,
  timeSeriesPanel,
} from './panels.ts';

const BAD_FROM_ONE: readonly ThresholdStep[] = [
  [null, 'green'],
  [1, 'red'],
];
const BAD_BELOW_ONE: readonly ThresholdStep[] = [
  [null, 'red'],
  [1, 'green'],
];
const NEUTRAL: readonly ThresholdStep[] = [[null, 'blue']];

/** Is anything wrong now? The first page to open: alerts, targets, probes, nodes and logs at a glance. */
export function overviewDashboard(): Dashboard {
  return new DashboardBuilder('Binnacle / Overview')
    .uid('binnacle-overview')
    .description('Is anything wrong now? Alerts, targets, probes, nodes and logs at a glance.')
    .tags(['binnacle'])
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .timezone('browser')
    .withVariable(
      new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'),
    )
    .withVariable(
      new QueryVariableBuilder('node')
        .label('Node')
        .datasource(DATASOURCE)
        .query('label_values(node_uname_info, instance)')
        .refresh(VariableRefresh.OnTimeRangeChanged)
        .multi(true)
        .includeAll(true)
        .allValue('.*'),
    )
    .withRow(new RowBuilder('Is anything wrong now?'))
    .withPanel(
      statPanel(
        stat('Alerts firing', 'Alerts firing now, the always-firing Watchdog aside.'),
        queries.firing,
        BAD_FROM_ONE,
      ),
    )
    .withPanel(
      statPanel(
        stat('Targets down', 'Scrape targets that did not answer the last scrape.'),
        queries.targetsDown,
        BAD_FROM_ONE,
      ),
    )
    .withPanel(
      statPanel(
        stat('Probes failing', 'Probes whose last attempt failed.'),
        queries.probesFailing,
        BAD_FROM_ONE,
      ),
    )
    .withPanel(
      statPanel(
        stat('Error lines in 5 min', 'Log lines of level error or fatal in the last five minutes.'),
        queries.errorLines,
        BAD_FROM_ONE,
      ),
    )
    .withPanel(
      statPanel(
        stat('Alert path', '1 while the Watchdog fires: rules are evaluated and results stored.'),
        queries.watchdog,
        BAD_BELOW_ONE,
      ),
    )
    .withPanel(
      statPanel(
        stat('Series', 'Series in the head of the embedded store.'),
        queries.series,
        NEUTRAL,
      ),
    )
    .withPanel(
      new TableBuilder()
        .title('Alerts')
        .description('Every alert that is pending or firing.')
        .datasource(DATASOURCE)
        .span(24)
        .height(6)
        .withTarget(instantQuery('A', queries.alertTable).format(PromQueryFormat.Table))
        .withTransformation({
          id: 'organize',
          options: {
            excludeByName: { Time: true, Value: true, __name__: true },
            indexByName: { alertname: 0, alertstate: 1, severity: 2, instance: 3, job: 4 },
          },
        }),
    )
    .withRow(new RowBuilder('Nodes'))
    .withPanel(
      timeSeriesPanel(wide('CPU by mode', 'Share of all cores, idle left out.', 'percentunit'), [
        [queries.cpuByMode, '{{mode}}'],
      ]).min(0),
    )
    .withPanel(
      timeSeriesPanel(wide('Memory in use', 'Share that is not available.', 'percentunit'), [
        [queries.memoryUsed, '{{instance}}'],
      ])
        .min(0)
        .max(1),
    )
    .withPanel(
      timeSeriesPanel(wide('File systems in use', 'Share of each file system.', 'percentunit'), [
        [queries.filesystemUsed, '{{instance}} {{mountpoint}}'],
      ])
        .min(0)
        .max(1),
    )
    .withPanel(
      timeSeriesPanel(wide('Load', 'Runnable and waiting tasks, 1-minute average.', 'short'), [
        [queries.load, '{{instance}}'],
      ]).min(0),
    )
    .withPanel(
      timeSeriesPanel(wide('Network', 'Bytes per second, loopback left out.', 'Bps'), [
        [queries.networkReceived, '{{instance}} received'],
        [queries.networkSent, '{{instance}} sent'],
      ]),
    )
    .withPanel(
      timeSeriesPanel(
        wide('Log lines by level', 'Lines per second that the collectors counted.', 'cps'),
        [[queries.logLinesByLevel, '{{level}}']],
      ).min(0),
    )
    .withRow(new RowBuilder('Probes and the stack itself'))
    .withPanel(
      timeSeriesPanel(wide('Probe results', '1 is a success, 0 a failure.', 'short'), [
        [queries.probeState, '{{job}} {{instance}}'],
      ])
        .min(0)
        .max(1),
    )
    .withPanel(
      timeSeriesPanel(wide('Probe duration', 'How long each probe took.', 's'), [
        [queries.probeDuration, '{{job}} {{instance}}'],
      ]).min(0),
    )
    .withPanel(
      timeSeriesPanel(wide('Scrape duration', 'The slowest target of each job.', 's'), [
        [queries.scrapeDuration, '{{job}}'],
      ]).min(0),
    )
    .withPanel(
      timeSeriesPanel(wide('Samples stored', 'Samples per second written to the store.', 'cps'), [
        [queries.samplesStored, 'samples/s'],
      ]).min(0),
    )
    .build();
}

function stat(title: string, description: string): PanelOptions {
  return { title, description, unit: 'short', width: 4, height: 4 };
}

function wide(title: string, description: string, unit: string): PanelOptions {
  return { title, description, unit, width: 12, height: 8 };
}
