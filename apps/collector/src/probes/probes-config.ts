import { isValidUtf8Name, Labels, METRIC_NAME } from '#libs/labels';
import {
  type HttpProbeModule,
  httpModuleSchema,
  parseTcpTarget,
  type TcpProbeModule,
  tcpModuleSchema,
} from '#libs/probes';
import { durationMs, positiveDurationMs, yamlText } from '#libs/yaml-config';
import { z } from 'zod';

/** What is done to a target. */
type ProbeModule =
  | { readonly kind: 'http'; readonly http: HttpProbeModule }
  | { readonly kind: 'tcp'; readonly tcp: TcpProbeModule };

/** One entry of `probes` with every default filled in. */
export interface ProbeConfig {
  readonly name: string;
  readonly module: ProbeModule;
  readonly targets: readonly string[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Labels of the operator's own; they win over ours. */
  readonly labels: Labels;
}

const DEFAULT_INTERVAL_MS = 15_000;
const DEFAULT_TIMEOUT_MS = 10_000;
const MIN_INTERVAL_MS = 100;
const MAX_TARGETS = 10_000;

const probeSchema = z
  .strictObject({
    name: yamlText().min(1),
    module: z.enum(['http', 'tcp']),
    target: yamlText().min(1).optional(),
    targets: z.array(yamlText().min(1)).max(MAX_TARGETS).optional(),
    interval: durationMs({ minMs: MIN_INTERVAL_MS }).default(DEFAULT_INTERVAL_MS),
    timeout: positiveDurationMs().optional(),
    labels: z
      .record(z.string().refine(isValidUtf8Name, { error: 'not a valid label name' }), yamlText())
      .refine((labels) => !Object.hasOwn(labels, METRIC_NAME), {
        error: `${METRIC_NAME} is not a label a probe may have`,
      })
      .default({}),
    http: httpModuleSchema.optional(),
    tcp: tcpModuleSchema.optional(),
  })
  .transform((raw, context): ProbeConfig => {
    const complain = (key: string, message: string): void => {
      context.addIssue({ code: 'custom', message, path: [key] });
    };
    const other = raw.module === 'http' ? 'tcp' : 'http';
    if (raw[other] !== undefined) complain(other, `is for module: ${other}`);
    const targets = [...(raw.target === undefined ? [] : [raw.target]), ...(raw.targets ?? [])];
    if (targets.length === 0) complain('name', 'the probe has no target or targets');
    const reason = targets.map((target) => targetComplaint(raw.module, target)).find(Boolean);
    if (reason !== undefined) complain(raw.targets === undefined ? 'target' : 'targets', reason);
    const timeoutMs = raw.timeout ?? Math.min(DEFAULT_TIMEOUT_MS, raw.interval);
    if (timeoutMs > raw.interval) complain('timeout', 'must not be greater than the interval');
    return {
      name: raw.name,
      module:
        raw.module === 'http'
          ? { kind: 'http', http: raw.http ?? httpModuleSchema.parse({}) }
          : { kind: 'tcp', tcp: raw.tcp ?? tcpModuleSchema.parse({}) },
      targets: [...new Set(targets)],
      intervalMs: raw.interval,
      timeoutMs,
      labels: Labels.fromRecord(raw.labels),
    };
  });

/** The `probes` section: what is probed, how and how often. */
export const probesConfigSchema = z.array(probeSchema).superRefine((probes, context) => {
  const seen = new Set<string>();
  probes.forEach(({ name }, index) => {
    if (seen.has(name)) {
      const message = 'another probe has this name';
      context.addIssue({ code: 'custom', message, path: [index, 'name'] });
    }
    seen.add(name);
  });
});

function targetComplaint(module: 'http' | 'tcp', target: string): string | undefined {
  if (module === 'tcp') {
    return parseTcpTarget(target) === null ? 'a TCP target is host:port' : undefined;
  }
  const url = URL.parse(/^https?:\/\//i.test(target) ? target : `http://${target}`);
  if (url === null) return 'an HTTP target is an http or https URL';
  // It would end up in a label.
  return url.password === '' && url.username === ''
    ? undefined
    : 'a target must not hold a user or password; use http.basic_auth';
}
