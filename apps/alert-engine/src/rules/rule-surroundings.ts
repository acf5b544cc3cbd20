import { Labels } from '#libs/labels';
import type { RunOptions } from '#libs/platform';
import { DEFAULT_RULE_TIMING, type RuleSurroundings } from '#libs/rules';
import type { EngineConfig } from '../config/engine-config.ts';

/** What the configuration says around the rules, datasources aside. */
export function ruleSurroundings(config: EngineConfig, options: RunOptions): RuleSurroundings {
  const { rules } = config;
  const { host, port } = options.listen;
  const shownHost = host.includes(':') ? `[${host}]` : host;
  return {
    externalUrl: config.external_url ?? `http://${shownHost}:${port}`,
    externalLabels: Labels.fromRecord(config.external_labels),
    queryOffsetMs: rules.query_offset,
    timing: {
      ...DEFAULT_RULE_TIMING,
      defaultIntervalMs: rules.evaluation_interval,
      resendDelayMs: rules.resend_delay,
      toleranceMs: rules.outage_tolerance,
      graceMs: rules.for_grace_period,
    },
  };
}
