import { Labels } from '#libs/labels';
import type { RunOptions } from '#libs/platform';
import type { RuleSurroundings } from '#libs/rules';
import type { EngineConfig } from '../config/engine-config.ts';

/** What alerts say about where they come from. */
export function ruleSurroundings(config: EngineConfig, options: RunOptions): RuleSurroundings {
  const { host, port } = options.listen;
  const shownHost = host.includes(':') ? `[${host}]` : host;
  return {
    externalUrl: config.external_url ?? `http://${shownHost}:${port}`,
    externalLabels: Labels.fromRecord(config.external_labels),
  };
}
