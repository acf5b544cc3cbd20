export {
  KUBE_CLIENT_DEFAULTS,
  KubeClient,
  type KubeClientOptions,
  type KubeSelection,
} from './kube-client.ts';
export {
  inClusterEndpoint,
  isInCluster,
  type KubeEndpoint,
  type KubeEnvironment,
} from './kube-config.ts';
export { kubeconfigFiles, type KubeconfigEndpoint, readKubeconfig } from './kubeconfig.ts';
export { KubeRequestError } from './kube-request-error.ts';
export {
  ResourceWatcher,
  type ResourceWatcherOptions,
  type WatchObserver,
} from './resource-watcher.ts';
export { type Watchability, watchability } from './watchable.ts';
