export {
  type ApiStatus,
  type ListPage,
  parseApiStatus,
  parseListPage,
  parseResourceNames,
  parseWatchEvent,
  type WatchEvent,
} from './api-message.ts';
export { CronSchedule, CronSyntaxError } from './cron-schedule.ts';
export { KubeObjectError } from './decode.ts';
export {
  discoveredResources,
  type KubernetesSurroundings,
  kubernetesTargets,
  ROLE_RESOURCES,
} from './discovery/kubernetes-targets.ts';
export { summaryExposition } from './kubelet/stats-summary.ts';
export {
  LEASE_TIMES,
  type LeaseBody,
  LeaseElection,
  type LeaseElectionOptions,
  type LeaseStep,
} from './lease-election.ts';
export { ListFramer } from './list-framer.ts';
export {
  LIST_WATCH_DEFAULTS,
  ListWatch,
  type ListWatchOptions,
  type ListWatchStep,
  type RequestFailure,
} from './list-watch.ts';
export { EventCounters } from './events/event-counters.ts';
export { EventLedger, type EventLedgerOptions, eventOccurrences } from './events/event-ledger.ts';
export { type CacheListener, ObjectCache, objectKey, type ObjectSink } from './object-cache.ts';
export type { Lease, Node } from './objects/cluster.ts';
export type { ConfigMap, CustomObject } from './objects/custom.ts';
export type { KubeEvent } from './objects/event.ts';
export type { KubeObject, Metadata } from './objects/metadata.ts';
export type { Pod } from './objects/pod.ts';
export {
  type AnnotatedProbe,
  type AnnotatedProbes,
  ingressProbes,
  serviceProbes,
} from './probing/annotated-probes.ts';
export { containerView, declaredProbes } from './probing/declared-probes.ts';
export {
  eventEntries,
  PodStories,
  type PodStoriesOptions,
  type PodStory,
  type StoryEntry,
  type StoryKind,
  withEvents,
} from './probing/pod-stories.ts';
export { parseQuantity } from './quantity.ts';
export {
  type KubeResource,
  type ObjectOf,
  RESOURCE_NAMES,
  type ResourceName,
  RESOURCES,
} from './resources.ts';
export type { AllowedNames } from './state/allowed-labels.ts';
export { ClusterState, type ClusterStateOptions } from './state/cluster-state.ts';
export {
  objectState,
  STATE_RESOURCES,
  type StateOptions,
  type StateResource,
} from './state/object-state.ts';
export { type ObjectSeries, StateWriter } from './state/state-writer.ts';
export { WatchFramer, WatchLineTooLongError } from './watch-framer.ts';
