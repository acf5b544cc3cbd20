import { Fields, type JobKeys, type Refusal } from './fields.ts';
import type { RelabelEntry } from './relabelling.ts';

/** The kinds of objects that say what is scraped. */
export const MONITOR_KINDS = ['ServiceMonitor', 'PodMonitor', 'Probe', 'ScrapeConfig'] as const;

export type MonitorKind = (typeof MONITOR_KINDS)[number];

/** An object as the API server or a manifest has it, as far as it is looked at. */
export interface MonitorObject {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly spec: unknown;
}

/** One job that an object comes to. */
export interface TranslatedJob {
  /** An entry of `scrape_configs`, with its `job_name`. */
  readonly keys: JobKeys;
  /** The part of the object that it comes from: `spec.endpoints[0]`. */
  readonly path: string;
  /** Whether its targets belong to no node, so that only one of many collectors may have them. */
  readonly isClusterWide: boolean;
  /** Whether whoever takes the job is the prober that its URLs ask. */
  readonly isProbedHere: boolean;
}

/** What becomes of one object. */
export interface Translation {
  readonly jobs: readonly TranslatedJob[];
  /** Parts that are left out, and why. */
  readonly refusals: readonly Refusal[];
  /** Paths of keys that are not known; the jobs are there without what they say. */
  readonly ignored: readonly string[];
}

export interface TranslationOptions {
  /** Where targets are restricted to namespaces: by what is asked of the API server, or among all that it answers. */
  readonly namespacesBy: 'discovery' | 'relabelling';
  /** Overwritten with the object's namespace on every target and sample, whatever the object says; '' for none. */
  readonly enforcedNamespaceLabel: string;
  /** Of which Probe objects the taker of the jobs is the prober: `auto` is those that name none, or {@link OWN_PROBER}. */
  readonly ownProber: 'auto' | 'always' | 'never';
}

/** What an object names that means whoever takes the jobs. */
export const OWN_PROBER = 'binnacle';

/** How a job comes to its targets. */
export interface JobParts {
  readonly name: string;
  readonly path: string;
  readonly isClusterWide: boolean;
  readonly isProbedHere?: boolean;
  readonly keys: JobKeys;
  readonly relabelling: readonly RelabelEntry[];
  readonly metricRelabelling: readonly RelabelEntry[];
}

/** Gathers the jobs of one object; a part with a refusal has no job, the others do. */
export class TranslationBuilder {
  readonly object: MonitorObject;
  readonly options: TranslationOptions;
  readonly #jobs: TranslatedJob[] = [];
  readonly #refusals: Refusal[] = [];
  readonly #ignored: string[] = [];

  constructor(object: MonitorObject, options: TranslationOptions) {
    this.object = object;
    this.options = options;
  }

  /** `serviceMonitor/NAMESPACE/NAME` */
  name(prefix: string): string {
    const { namespace, name } = this.object.metadata;
    return `${prefix}/${namespace}/${name}`;
  }

  /** Reads the whole of `spec`; what is refused in it leaves the object without jobs. @returns null then */
  spec<T>(read: (spec: Fields) => T): T | null {
    return this.#attempt(new Fields(this.object.spec, 'spec', this.#refusals), read);
  }

  /** Reads one part; what is refused in it leaves out the job of that part. */
  part(from: Fields, read: (part: Fields) => JobParts): void {
    const parts = this.#attempt(from, read);
    if (parts === null) return;
    const { namespace } = this.object.metadata;
    const { enforcedNamespaceLabel: label } = this.options;
    const enforced: RelabelEntry[] =
      label === '' ? [] : [{ target_label: label, replacement: namespace }];
    const relabelling = [...parts.relabelling, ...enforced];
    const metrics = [...parts.metricRelabelling, ...enforced];
    this.#jobs.push({
      path: parts.path,
      isClusterWide: parts.isClusterWide,
      isProbedHere: parts.isProbedHere === true,
      keys: {
        job_name: parts.name,
        ...parts.keys,
        ...(relabelling.length > 0 && { relabel_configs: relabelling }),
        ...(metrics.length > 0 && { metric_relabel_configs: metrics }),
      },
    });
  }

  /** What is refused from now on, by `read`, is about the part alone. */
  #attempt<T>(from: Fields, read: (fields: Fields) => T): T | null {
    const before = this.#refusals.length;
    const result = read(from);
    this.#ignored.push(...from.unread());
    return this.#refusals.length > before ? null : result;
  }

  /** Remembers what nobody has read of an object inside of another. */
  ignore(inner: Fields): void {
    this.#ignored.push(...inner.unread());
  }

  build(): Translation {
    return { jobs: this.#jobs, refusals: this.#refusals, ignored: [...new Set(this.#ignored)] };
  }
}
