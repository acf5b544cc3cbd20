import { Inject, Injectable } from '@nestjs/common';
import type {
  DiscoveryConfig,
  GuardSurroundings,
  HttpDiscovery,
  KubernetesDiscovery,
} from '#libs/discovery';
import type { KubeEndpoint } from '#libs/node-kube';
import { AppLogger } from '#libs/platform';
import { Registry } from 'prom-client';
import { COLLECTOR_CONFIG, type CollectorConfig } from '../config/collector-config.ts';
import { KubeHubs } from '../kubernetes/kube-hubs.ts';
import { Leadership } from '../kubernetes/leadership.ts';
import type { LoadedJob } from '../scrape/scrape-section.ts';
import { DiscoveryMetrics } from './discovery-metrics.ts';
import { configFingerprint } from '../config/config-fingerprint.ts';
import { ElectedTargets } from './elected-targets.ts';
import { FileTargets } from './file-targets.ts';
import { HttpTargets } from './http-targets.ts';
import { KubernetesTargets } from './kubernetes-targets.ts';
import { SharedTargets } from './shared-targets.ts';
import { StaticTargets } from './static-targets.ts';
import type { TargetProvider } from './target-provider.ts';

/** Makes what looks for the targets of a job. */
@Injectable()
export class TargetProviders {
  readonly #hubs: KubeHubs;
  readonly #leadership: Leadership;
  readonly #logger: AppLogger;
  readonly #metrics: DiscoveryMetrics;
  readonly #shared = new SharedTargets();
  #cluster: CollectorConfig['cluster'];

  constructor(
    @Inject(COLLECTOR_CONFIG) { cluster }: CollectorConfig,
    hubs: KubeHubs,
    leadership: Leadership,
    registry: Registry,
    logger: AppLogger,
  ) {
    this.#cluster = cluster;
    this.#hubs = hubs;
    this.#leadership = leadership;
    this.#logger = logger;
    this.#metrics = new DiscoveryMetrics(registry);
  }

  /** From now on providers are made for this cluster. */
  set cluster(cluster: CollectorConfig['cluster']) {
    this.#cluster = cluster;
  }

  /**
   * Those of the job's `…_sd_configs`, not started.
   * @param guard of the job, for what an object names
   */
  for(job: LoadedJob, guard: GuardSurroundings): TargetProvider[] {
    const { config, baseDir, isElected = false, isForeign = false } = job;
    const isShared =
      isElected && this.#cluster.endpoint !== null && this.#cluster.nodeName !== null;
    const elected = (make: () => TargetProvider): TargetProvider =>
      isShared ? new ElectedTargets(make, this.#leadership) : make();
    const written =
      isElected && config.staticGroups.length > 0
        ? [elected(() => new StaticTargets(config.staticGroups))]
        : [];
    const discovered = config.discovery.flatMap((discovery) => {
      if (discovery.kind === 'http')
        return [elected(() => this.#http(discovery, baseDir, isForeign ? guard : null))];
      const provider = this.#create(discovery, baseDir);
      if (provider !== null) return [provider];
      this.#logger.error('a job has no targets: there is no API server to ask', {
        job: config.jobName,
        accepted: 'api_server in kubernetes_sd_configs or in the section kubernetes',
      });
      return [];
    });
    return [...written, ...discovered];
  }

  #create(config: Exclude<DiscoveryConfig, HttpDiscovery>, baseDir: string): TargetProvider | null {
    if (config.kind === 'kubernetes') return this.#kubernetes(config);
    return new FileTargets({ config, baseDir, metrics: this.#metrics, logger: this.#logger });
  }

  #http(config: HttpDiscovery, baseDir: string, guard: GuardSurroundings | null): TargetProvider {
    const [metrics, logger] = [this.#metrics, this.#logger];
    return new HttpTargets({ config, baseDir, guard, metrics, logger });
  }

  #kubernetes(config: KubernetesDiscovery): TargetProvider | null {
    const { endpoint: own, nodeName, namespace } = this.#cluster;
    const elsewhere: KubeEndpoint | null =
      config.apiServer === null
        ? null
        : { url: config.apiServer, http: config.http, namespaceFile: null };
    const endpoint = elsewhere ?? own;
    if (endpoint === null) return null;
    const options = {
      config,
      endpoint,
      // Another cluster has no node of this name.
      nodeName: elsewhere === null ? nodeName : null,
      isShared: own !== null && nodeName !== null,
      ownNamespace: namespace,
    };
    return this.#shared.use(
      configFingerprint(options),
      () => new KubernetesTargets({ ...options, hubs: this.#hubs, leadership: this.#leadership }),
    );
  }
}
