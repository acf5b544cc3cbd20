import type { OwnFault } from './own-metrics.ts';

const growing = (series: string, perMinute = 1): OwnFault => ({ series, perMinute });
const stands = (series: string, value: number): OwnFault => ({ series, value });

/** What is wrong with the collector of node-17. */
export const COLLECTOR_FAULTS: readonly OwnFault[] = [
  growing('prometheus_target_scrapes_exceeded_sample_limit_total'),
  growing('prometheus_target_scrapes_exceeded_body_size_limit_total'),
  growing('prometheus_target_scrape_pool_exceeded_target_limit_total'),
  growing('prometheus_target_scrape_pool_exceeded_label_limits_total'),
  growing('prometheus_target_sync_failed_total{scrape_job="a"}'),
  growing('prometheus_target_scrapes_sample_duplicate_timestamp_total'),
  growing('prometheus_target_scrapes_sample_out_of_order_total'),
  growing('prometheus_remote_storage_samples_failed_total{remote_name="a",url="http://a"}', 100),
  growing('prometheus_remote_storage_samples_total{remote_name="a",url="http://a"}', 100),
  stands('prometheus_remote_storage_highest_timestamp_in_seconds', 2_000),
  stands(
    'prometheus_remote_storage_queue_highest_sent_timestamp_seconds{remote_name="a",url="http://a"}',
    1_000,
  ),
  stands('binnacle_collector_config_last_reload_successful', 0),
  growing('binnacle_log_lost_bytes_total{reason="rotated"}', 1_000),
  stands('binnacle_log_lag_seconds{output="a"}', 300),
  growing('prometheus_sd_http_failures_total'),
  growing('prometheus_sd_file_read_errors_total'),
  growing('binnacle_output_dropped_total{output="http-sink",kind="logs",reason="spool_full"}'),
  growing('binnacle_output_retried_total{output="http-sink",kind="logs",reason="unreachable"}'),
  growing('binnacle_output_failed_total{output="http-sink",kind="logs",reason="unreachable"}'),
];

/** What is wrong with the second engine. */
export const ENGINE_FAULTS: readonly OwnFault[] = [
  growing('prometheus_rule_evaluation_failures_total{rule_group="a"}'),
  growing('prometheus_rule_group_iterations_missed_total{rule_group="a"}'),
  stands('prometheus_config_last_reload_successful', 0),
  stands('alertmanager_config_last_reload_successful', 0),
  stands('prometheus_tsdb_head_samples_appended_total{type="float"}', 1_000),
  growing('binnacle_store_maintenance_failures_total{task="compaction"}'),
  stands('binnacle_query_waiting', 5),
  stands('prometheus_notifications_queue_length', 900),
  stands('prometheus_notifications_queue_capacity', 1_000),
  growing('alertmanager_notifications_total{integration="slack"}', 10),
  growing('alertmanager_notifications_failed_total{integration="slack",reason="other"}', 10),
  growing('alertmanager_notifications_total{integration="heartbeat"}', 1),
  growing('alertmanager_notifications_failed_total{integration="heartbeat",reason="other"}', 1),
  stands('binnacle_store_disk_free_bytes', 1_000_000),
  stands('alertmanager_config_hash', 1),
  growing('binnacle_store_samples_rejected_total{reason="too_old"}'),
  growing('binnacle_store_series_budget_refusals_total'),
  growing('binnacle_notification_drops_total{reason="queue_full"}'),
  growing('binnacle_alert_time_to_acknowledge_seconds_count'),
  { series: 'binnacle_alert_time_to_acknowledge_seconds_sum', perMinute: 240 },
  growing('binnacle_query_requests_total{outcome="success"}', 60),
];
