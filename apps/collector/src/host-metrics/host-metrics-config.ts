import { hostname } from 'node:os';
import { hostMetricsCollectorNames } from '#libs/host-metrics';
import { compileLinearRegExp } from '#libs/labels';
import { durationMs } from '#libs/yaml-config';
import { z } from 'zod';

const pattern = z.string().superRefine((text, context) => {
  try {
    compileLinearRegExp(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : '';
    context.addIssue({ code: 'custom', message: `not a regular expression of RE2: ${reason}` });
  }
});

const path = z.string().startsWith('/', { error: 'expected an absolute path such as /host/proc' });

/**
 * The `host_metrics` section: this machine's metrics under node_exporter's names. Patterns are searched for anywhere in
 * the name, as in node_exporter's flags.
 */
export const hostMetricsConfigSchema = z.strictObject({
  /** By default where the kernel is Linux. */
  enabled: z.boolean().optional(),
  interval: durationMs({ minMs: 1_000 }).prefault('15s'),
  /** Where the host's trees are mounted. By default what the environment says, and then the machine's own. */
  proc_path: path.optional(),
  sys_path: path.optional(),
  root_path: path.optional(),
  job: z.string().min(1).default('node-exporter'),
  /** By default the node's name from the environment (`NODE_NAME`), and then the host's name. */
  instance: z.string().min(1).optional(),
  mount_points_exclude: pattern.optional(),
  fs_types_exclude: pattern.optional(),
  disks_exclude: pattern.optional(),
  network_devices_exclude: pattern.optional(),
  disabled_collectors: z
    .array(
      z.string().refine((name) => hostMetricsCollectorNames.includes(name), {
        error: `unknown collector; accepted are ${hostMetricsCollectorNames.join(', ')}`,
      }),
    )
    .default([]),
  /** Also publishes `node_exporter_build_info`, for dashboards that count exporters by it. */
  build_info: z.boolean().default(false),
});

export type HostMetricsConfig = z.output<typeof hostMetricsConfigSchema>;

/** What a container's manifest sets where it mounts the host's trees and knows the node's name. */
export interface HostSurroundings {
  readonly procPath: string;
  readonly sysPath: string;
  readonly rootPath: string;
  readonly instance: string;
  /** The node's name where the collector runs in a container that has a name of its own, or null. */
  readonly nodeName: string | null;
}

/** The configuration's word, then the environment's, then the machine's own. */
export function hostSurroundings(
  config: HostMetricsConfig,
  env: Readonly<Record<string, string | undefined>>,
): HostSurroundings {
  return {
    procPath: config.proc_path ?? given(env['BINNACLE_HOST_PROC']) ?? '/proc',
    sysPath: config.sys_path ?? given(env['BINNACLE_HOST_SYS']) ?? '/sys',
    rootPath: config.root_path ?? given(env['BINNACLE_HOST_ROOT']) ?? '/',
    instance: config.instance ?? given(env['NODE_NAME']) ?? hostname(),
    nodeName: given(env['NODE_NAME']),
  };
}

function given(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : text;
}
