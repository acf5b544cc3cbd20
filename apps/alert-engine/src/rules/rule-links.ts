import { Labels } from '#libs/labels';
import type { RunOptions } from '#libs/platform';
import type { RuleLinks } from '#libs/rules';
import type { EngineConfig } from '../config/engine-config.ts';

/** What alerts say about where they come from. */
export function ruleLinks(config: EngineConfig, options: RunOptions): RuleLinks {
  const { host, port } = options.listen;
  const shownHost = host.includes(':') ? `[${host}]` : host;
  return {
    externalUrl: config.external_url ?? `http://${shownHost}:${port}`,
    externalLabels: Labels.fromRecord(config.external_labels),
  };
}
