export {
  type DiscoveryConfig,
  type FileDiscovery,
  type HttpDiscovery,
  type KubernetesDiscovery,
  type KubernetesRole,
  type KubernetesSelector,
} from './discovery-config.ts';
export {
  checkHttpClient,
  checkTls,
  type ExtraHeader,
  type HttpAuthConfig,
  type HttpClientConfig,
  httpClientShape,
  type SecretSource,
  type TlsClientConfig,
  tlsConfigSchema,
  type TlsVersion,
  toHttpClientConfig,
  toTlsClientConfig,
} from './http-client-config.ts';
export { objectOfKnownKeys } from './known-keys.ts';
export { explainRelabel, relabel, type RelabelStep } from './relabel.ts';
export {
  RELABEL_ACTIONS,
  type RelabelAction,
  relabelConfigSchema,
  type RelabelRule,
} from './relabel-config.ts';
export {
  type RawScrapeConfig,
  type RawScrapeGlobal,
  resolveScrapeConfigs,
  SCRAPE_DEFAULTS,
  type ScrapeConfig,
  scrapeConfigsSchema,
  type ScrapeConfigProblem,
  type ScrapeDefaults,
  scrapeGlobalSchema,
  type ScrapeLimits,
  type TargetGroup,
} from './scrape-config.ts';
export { specialHost, urlHostname } from './special-addresses.ts';
export {
  connectRefusal,
  guardTargets,
  type GuardSurroundings,
  isGuarded,
  redirectRefusal,
  type RefusalReason,
  type RefusedTarget,
  urlRefusal,
} from './target-guard.ts';
export { parseTargetGroups } from './target-groups.ts';
export {
  buildTargets,
  type DroppedTarget,
  type InvalidTarget,
  type Target,
  type TargetSet,
} from './targets.ts';
