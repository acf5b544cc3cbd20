import { isValidUtf8Name, Labels, METRIC_NAME } from '#libs/labels';
import {
  DEFAULT_PROBE_MODULES,
  holdsCredentials,
  type NamedProbeModule,
  PROBERS,
  type ProbeModule,
  probeModulesSchema,
  proberSectionsShape,
  targetComplaint,
  toProbeModule,
} from '#libs/probes';
import { durationMs, positiveDurationMs, yamlText } from '#libs/yaml-config';
import { z } from 'zod';
import type { KubernetesConfig } from '../kubernetes/kubernetes-config.ts';
import { networksSchema } from '../config/networks-schema.ts';

/** One configured probe with every default filled in. */
export interface ProbeConfig {
  readonly name: string;
  /** The name of the module, or of the prober where the probe has a module of its own. */
  readonly moduleName: string;
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

const probeSchema = z.strictObject({
  name: yamlText().min(1),
  /** A prober, or a name of `modules`. */
  module: z.string().min(1),
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
  ...proberSectionsShape,
});

type RawProbe = z.output<typeof probeSchema>;
type Complain = (path: readonly PropertyKey[], message: string) => void;

/** Probes of what Services and Ingresses ask for by annotation. */
const annotatedSchema = z
  .strictObject({
    /** By default where the cluster's state is told. */
    enabled: z.boolean().optional(),
    interval: durationMs({ minMs: 1_000 }).prefault('30s'),
    /** No annotation asks for a shorter interval. */
    min_interval: durationMs({ minMs: 1_000 }).prefault('5s'),
    timeout: positiveDurationMs().prefault('10s'),
    max_targets: z.int().min(1).max(100_000).default(1_000),
    /** Modules that may be asked for besides the built-in ones. */
    modules: z.array(z.string()).default([]),
  })
  .prefault({});

/** Probes of what the node's pods declare for the kubelet. */
const shadowSchema = z
  .strictObject({
    /** `annotated`: those that ask for it; by default where the pods' state is told. */
    pods: z.enum(['none', 'annotated', 'all']).optional(),
    max_probes: z.int().min(1).max(10_000).default(1_000),
  })
  .prefault({});

type Modules = ReadonlyMap<string, NamedProbeModule>;

/** Files with `modules`, as blackbox_exporter has them; relative to the configuration's folder. */
const moduleFilesSchema = z.array(yamlText().min(1)).max(100);

const sectionSchemaWith = (fileModules: Modules) =>
  z
    .strictObject({
      modules: probeModulesSchema.prefault({}),
      module_files: moduleFilesSchema.default([]),
      targets: z.array(probeSchema).default([]),
      annotated: annotatedSchema,
      shadow: shadowSchema,
      /** Where probes that objects of the API server ask for may go although such addresses are refused. */
      allowed_networks: networksSchema.default([]),
    })
    .transform((raw, context): ProbesConfig => {
      const written = new Map([...fileModules, ...raw.modules]);
      const modules = new Map([...DEFAULT_PROBE_MODULES, ...written]);
      const complain = complaintsOf(context);
      for (const name of raw.modules.keys()) {
        if (fileModules.has(name)) complain(['modules', name], 'a file of module_files has it too');
      }
      const allowed = new Set(raw.annotated.modules);
      for (const name of DEFAULT_PROBE_MODULES.keys()) if (!written.has(name)) allowed.add(name);
      raw.annotated.modules.forEach((name, index) => {
        const path = ['annotated', 'modules', index];
        const named = modules.get(name);
        if (named === undefined) complain(path, unknownModule(modules, []));
        else if (holdsCredentials(named.module)) {
          complain(path, 'the module holds credentials, which no annotation may direct elsewhere');
        }
      });
      const {
        interval,
        min_interval: minIntervalMs,
        timeout,
        max_targets: maxTargets,
      } = raw.annotated;
      if (minIntervalMs > interval) {
        complain(['annotated', 'min_interval'], 'must not be greater than the interval');
      }
      return {
        probes: resolveProbes(raw.targets, modules, complain, ['targets']),
        modules,
        annotated: {
          isEnabled: raw.annotated.enabled ?? null,
          intervalMs: interval,
          minIntervalMs,
          timeoutMs: Math.min(timeout, interval),
          maxTargets,
          modules: new Map([...modules].filter(([name]) => allowed.has(name))),
        },
        shadow: { pods: raw.shadow.pods ?? null, maxProbes: raw.shadow.max_probes },
        allowedNetworks: raw.allowed_networks,
      };
    });

/** The `probes` section: what is probed, how and how often. */
export interface ProbesConfig {
  readonly probes: readonly ProbeConfig[];
  /** Those of the section and the built-in ones, by name. */
  readonly modules: ReadonlyMap<string, NamedProbeModule>;
  readonly annotated: {
    /** Null where the file does not say. */
    readonly isEnabled: boolean | null;
    readonly intervalMs: number;
    readonly minIntervalMs: number;
    readonly timeoutMs: number;
    readonly maxTargets: number;
    /** What annotations may name. */
    readonly modules: ReadonlyMap<string, NamedProbeModule>;
  };
  readonly shadow: {
    readonly pods: 'none' | 'annotated' | 'all' | null;
    readonly maxProbes: number;
  };
  readonly allowedNetworks: readonly string[];
}

/** Whether Services and Ingresses are probed that ask for it. */
export function probesByAnnotation(
  { annotated }: Pick<ProbesConfig, 'annotated'>,
  { state }: Pick<KubernetesConfig, 'state'>,
): boolean {
  return annotated.isEnabled ?? state.enabled;
}

/** Which of the node's pods are probed as they declare it for the kubelet. */
export function shadowedPods(
  { shadow }: Pick<ProbesConfig, 'shadow'>,
  { state }: Pick<KubernetesConfig, 'state'>,
): 'none' | 'annotated' | 'all' {
  const isToldOfPods = state.enabled && state.resources.includes('pods');
  return shadow.pods ?? (isToldOfPods ? 'annotated' : 'none');
}

const NO_PROBES = sectionSchemaWith(new Map()).parse({});

/**
 * A list of probes, or a mapping with everything there is to say.
 * @param fileModules those of the section's `module_files`
 */
export const probesSchemaWith = (fileModules: Modules) =>
  z.union([
    sectionSchemaWith(fileModules),
    z.array(probeSchema).transform((raw, context): ProbesConfig => {
      const complain = complaintsOf(context);
      return { ...NO_PROBES, probes: resolveProbes(raw, DEFAULT_PROBE_MODULES, complain, []) };
    }),
  ]);

export const probesConfigSchema = probesSchemaWith(new Map());

function complaintsOf(context: z.RefinementCtx): Complain {
  return (path, message) => context.addIssue({ code: 'custom', message, path: [...path] });
}

function resolveProbes(
  raws: readonly RawProbe[],
  modules: ReadonlyMap<string, NamedProbeModule>,
  complain: Complain,
  place: readonly PropertyKey[],
): ProbeConfig[] {
  const seen = new Set<string>();
  return raws.flatMap((raw, index) => {
    const complainHere: Complain = (path, message) => complain([...place, index, ...path], message);
    if (seen.has(raw.name)) complainHere(['name'], 'another probe has this name');
    seen.add(raw.name);
    const probe = resolveProbe(raw, modules, complainHere);
    return probe === null ? [] : [probe];
  });
}

function resolveProbe(
  raw: RawProbe,
  modules: ReadonlyMap<string, NamedProbeModule>,
  complain: Complain,
): ProbeConfig | null {
  const prober = PROBERS.find((name) => name === raw.module);
  // A module of that name, where there is one and nothing is said beside it.
  const hasSection = prober !== undefined && raw[prober] !== undefined;
  const named = hasSection ? undefined : modules.get(raw.module);
  for (const name of PROBERS) {
    if (raw[name] === undefined || name === raw.module) continue;
    complain([name], `is for module: ${name}`);
  }
  if (prober === undefined && named === undefined) {
    complain(['module'], unknownModule(modules, PROBERS));
    return null;
  }
  const module = named?.module ?? toProbeModule(prober!, raw);
  if (module === null) {
    complain(['module'], 'a dns probe needs dns.query_name');
    return null;
  }
  const targets = [...(raw.target === undefined ? [] : [raw.target]), ...(raw.targets ?? [])];
  if (targets.length === 0) complain(['name'], 'the probe has no target or targets');
  const reason = targets
    .map((target) => targetComplaint(module, target))
    .find((text) => text !== null);
  if (reason !== undefined) {
    complain([raw.targets === undefined ? 'target' : 'targets'], reason);
  }
  const byDefault = Math.min(named?.timeoutMs ?? DEFAULT_TIMEOUT_MS, raw.interval);
  const timeoutMs = raw.timeout ?? byDefault;
  if (timeoutMs > raw.interval) complain(['timeout'], 'must not be greater than the interval');
  return {
    name: raw.name,
    moduleName: raw.module,
    module,
    targets: [...new Set(targets)],
    intervalMs: raw.interval,
    timeoutMs,
    labels: Labels.fromRecord(raw.labels),
  };
}

function unknownModule(
  modules: ReadonlyMap<string, NamedProbeModule>,
  probers: readonly string[],
): string {
  return `unknown module; accepted are ${[...probers, ...modules.keys()].join(', ')}`;
}
