/*
 * What the Overview asks, by panel. `$node` is the dashboard's choice of nodes (a regular expression) and
 * `$__rate_interval` Grafana's window; both are filled in by Grafana.
 */
export const overviewQueries = {
  firing: 'count(ALERTS{alertstate="firing", alertname!="Watchdog"}) or vector(0)',
  targetsDown: 'count(up == 0) or vector(0)',
  probesFailing: 'count(probe_success == 0) or vector(0)',
  errorLines: 'sum(increase(binnacle_log_lines_total{level=~"error|fatal"}[5m])) or vector(0)',
  watchdog: 'max(ALERTS{alertname="Watchdog", alertstate="firing"})',
  series: 'max(prometheus_tsdb_head_series)',

  alertTable: 'ALERTS{alertstate=~"pending|firing"}',

  cpuByMode:
    'sum by (mode) (rate(node_cpu_seconds_total{instance=~"$node", mode!="idle"}[$__rate_interval])) / ignoring(mode) group_left () count(node_cpu_seconds_total{instance=~"$node", mode="idle"})',
  memoryUsed:
    '1 - sum by (instance) (node_memory_MemAvailable_bytes{instance=~"$node"}) / sum by (instance) (node_memory_MemTotal_bytes{instance=~"$node"})',
  filesystemUsed:
    '1 - node_filesystem_avail_bytes{instance=~"$node", fstype!~"tmpfs|overlay|squashfs"} / node_filesystem_size_bytes{instance=~"$node", fstype!~"tmpfs|overlay|squashfs"}',
  load: 'node_load1{instance=~"$node"}',
  networkReceived:
    'sum by (instance) (rate(node_network_receive_bytes_total{instance=~"$node", device!="lo"}[$__rate_interval]))',
  networkSent:
    'sum by (instance) (rate(node_network_transmit_bytes_total{instance=~"$node", device!="lo"}[$__rate_interval]))',

  probeState: 'probe_success',
  probeDuration: 'probe_duration_seconds',

  logLinesByLevel: 'sum by (level) (rate(binnacle_log_lines_total[$__rate_interval]))',

  scrapeDuration: 'max by (job) (scrape_duration_seconds)',
  samplesStored: 'sum(rate(prometheus_tsdb_head_samples_appended_total[$__rate_interval]))',
} as const;
