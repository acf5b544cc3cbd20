import type { Labels } from '#libs/labels';
import type { RelabelRule } from './relabel-config.ts';
import type { ScrapeConfig } from './scrape-config.ts';
import type { InvalidTarget, Target, TargetSet } from './targets.ts';
import {
  isAddressHost,
  type SpecialAddress,
  specialHost,
  urlHostname,
} from './special-addresses.ts';

/** Why a target is not asked; the set is closed because it becomes a metric label. */
export type RefusalReason = 'kubelet' | SpecialAddress;

/** A target of Kubernetes that whoever may create objects there must not have asked. */
export interface RefusedTarget extends InvalidTarget {
  readonly code: RefusalReason;
  /** That of the target it would have been. */
  readonly key: string;
}

/** What the guard of a job goes by. */
export interface GuardSurroundings {
  /** `HOST:PORT` of this node's kubelet, or null where it is not known. */
  readonly kubelet: string | null;
  /**
   * Whether somebody with rights in a namespace wrote the job: then every target is looked at, and nothing that the job's
   * rules or its list of targets say is the operator's word. Default: false.
   */
  readonly isForeign?: boolean;
  /** Whether the operator allows an address, in the form a URL has it. Default: none. */
  readonly isAllowed?: (hostname: string) => boolean;
}

/** Those that kubelets have unless told otherwise, the one for reading without credentials included. */
const KUBELET_PORTS: readonly string[] = ['10250', '10255'];

const META = '__meta_kubernetes_';

/** What a guard leaves of a set. */
export interface GuardedTargets {
  readonly set: TargetSet;
  readonly refused: readonly RefusedTarget[];
  /** Names in URLs that may lead anywhere, since they are the operator's or those of nodes. */
  readonly trusted: ReadonlySet<string>;
}

/** Whether the targets of a job are guarded, and so everything that a request for one connects to. */
export function isGuarded(config: ScrapeConfig, { isForeign = false }: GuardSurroundings): boolean {
  return isForeign || config.discovery.some(({ kind }) => kind === 'kubernetes');
}

/**
 * Takes out of a set what annotations must not lead to: everything on the node that listens for the node alone, the kubelet
 * and the cloud's metadata. It looks at targets that Kubernetes named. What the API server itself says of an object's
 * address holds, and what a job's own rules write down literally (`replacement: 127.0.0.1:9115`) is the operator's word,
 * unless the job is not the operator's.
 */
export function guardTargets(
  set: TargetSet,
  config: ScrapeConfig,
  around: GuardSurroundings,
): GuardedTargets {
  const trusted = new Set<string>();
  if (!isGuarded(config, around)) return { set, refused: [], trusted };
  const words = wordsOf(config, around);
  const refused: RefusedTarget[] = [];
  const targets = set.targets.filter((target) => {
    const code = refusalOf(target, words, around);
    if (code === null) {
      const { hostname } = new URL(target.url);
      if (!isAddressHost(hostname) && isTrusted(target, words)) trusted.add(hostname);
      return true;
    }
    const { jobName, discoveredLabels, url, key } = target;
    const reason = `${new URL(url).host} is not asked: ${REASONS[code]}`;
    refused.push({ jobName, discoveredLabels, reason, code, key });
    return false;
  });
  if (refused.length === 0) return { set, refused, trusted };
  return { set: { ...set, targets, invalid: [...set.invalid, ...refused] }, refused, trusted };
}

/** Whose word counts where it is about an address. */
interface Words {
  /** What the operator has written into rules. */
  readonly literals: readonly string[];
  /** Whether labels of Kubernetes can only come from there: whoever writes a list of targets may write labels as well. */
  readonly areLabelsOwn: boolean;
  readonly isForeign: boolean;
}

function wordsOf(config: ScrapeConfig, { isForeign = false }: GuardSurroundings): Words {
  const isDiscovered =
    config.staticGroups.length === 0 && config.discovery.every(({ kind }) => kind === 'kubernetes');
  return {
    literals: isForeign ? [] : literalAddresses(config.relabelRules),
    areLabelsOwn: !isForeign || isDiscovered,
    isForeign,
  };
}

const REASONS: Readonly<Record<RefusalReason, string>> = {
  kubelet: 'a port of the kubelet, which no pod may point at',
  loopback: "an address of the collector's own host, which the object does not have",
  link_local: 'a link-local address, which the object does not have',
  metadata: "the cloud's metadata",
};

/**
 * Why a target that Kubernetes named may not send the collector on to `to`, as a sentence, or null where it may.
 * @param from what was asked
 */
export function redirectRefusal(from: URL, to: URL, around: GuardSurroundings): string | null {
  if (from.host === to.host) return null;
  const code =
    (from.hostname === to.hostname ? null : specialOf(to.hostname, around)) ??
    (kubeletPorts(around).includes(portOf(to)) ? 'kubelet' : null);
  return code === null ? null : `redirected to ${to.host}: ${REASONS[code]}`;
}

/** Why a URL that an object names is not asked, as a sentence, or null. */
export function urlRefusal(url: URL, around: GuardSurroundings): string | null {
  const isKubelet = kubeletPorts(around).includes(portOf(url));
  const code = specialOf(url.hostname, around) ?? (isKubelet ? 'kubelet' : null);
  return code === null ? null : `${url.host} is not asked: ${REASONS[code]}`;
}

/**
 * Why no connection is made to an address that a name has led to, as a sentence, or null.
 * @param port null where it is not known yet
 */
export function connectRefusal(
  place: { readonly hostname: string; readonly ip: string; readonly port: number | null },
  around: GuardSurroundings,
): string | null {
  const { hostname, ip, port } = place;
  const isKubelet = port !== null && kubeletPorts(around).includes(String(port));
  const code = specialOf(urlHostname(ip), around) ?? (isKubelet ? 'kubelet' : null);
  return code === null ? null : `${hostname} leads to ${ip}: ${REASONS[code]}`;
}

function specialOf(hostname: string, { isAllowed }: GuardSurroundings): SpecialAddress | null {
  const special = specialHost(hostname);
  return special !== null && isAllowed?.(hostname) === true ? null : special;
}

function refusalOf(target: Target, words: Words, around: GuardSurroundings): RefusalReason | null {
  const { discoveredLabels: labels } = target;
  if (!words.isForeign && ![...labels].some(([name]) => name.startsWith(META))) return null;
  const url = new URL(target.url);
  const before = URL.parse(`http://${labels.get('__address__')}`);
  if (!words.literals.some((literal) => names(literal, url.hostname))) {
    const special = specialOf(url.hostname, around);
    // The API server gives no object such a name, and such an address only where it is the object's own.
    const isOwn = before?.hostname === url.hostname && isAddressHost(url.hostname);
    if (special !== null && !(isOwn && words.areLabelsOwn)) return special;
  }
  const port = portOf(url);
  if (!kubeletPorts(around).includes(port)) return null;
  if (words.literals.some((literal) => literal.endsWith(`:${port}`))) return null;
  if (!words.areLabelsOwn) return 'kubelet';
  return leadsToKubelet(url, labels, before, around) ? 'kubelet' : null;
}

/** Whether the name in a target's URL is the operator's word, or that of a node. */
function isTrusted({ url, discoveredLabels: labels }: Target, words: Words): boolean {
  const { hostname } = new URL(url);
  if (words.literals.some((literal) => names(literal, hostname))) return true;
  const isNode = labels.get(`${META}node_name`) !== '' && labels.get(`${META}pod_name`) === '';
  const isEndpoint = labels.get(`${META}service_name`) !== '';
  const own = URL.parse(`http://${labels.get('__address__')}`)?.hostname;
  return words.areLabelsOwn && isNode && !isEndpoint && own === hostname;
}

/** Whether a target with a port of the kubelet is more than a pod that happens to listen there itself. */
function leadsToKubelet(
  target: URL,
  labels: Labels,
  before: URL | null,
  { kubelet }: GuardSurroundings,
): boolean {
  const isUnchanged = before?.host === target.host;
  // Nodes, and endpoints as the API server has them: whoever may write those may do more than point at a kubelet.
  if (labels.get(`${META}pod_name`) === '' && isUnchanged) return false;
  const nodes = [labels.get(`${META}pod_host_ip`), kubelet === null ? '' : urlHostname(kubelet)];
  const isOnNode = nodes.some((node) => node !== '' && urlHostname(node) === target.hostname);
  const isDeclared = labels.get(`${META}pod_container_port_number`) === portOf(target);
  return isOnNode || !(isDeclared || isUnchanged);
}

function kubeletPorts({ kubelet }: GuardSurroundings): readonly string[] {
  return kubelet === null ? KUBELET_PORTS : [...KUBELET_PORTS, kubelet.replace(/^.*:/, '')];
}

function portOf({ port, protocol }: URL): string {
  if (port !== '') return port;
  return protocol === 'https:' ? '443' : '80';
}

/** What the rules put into `__address__` in so many words. */
function literalAddresses(rules: readonly RelabelRule[]): readonly string[] {
  return rules
    .filter(({ action, targetLabel }) => action === 'replace' && targetLabel === '__address__')
    .map(({ replacement }) => replacement);
}

/** Whether an address that was written down is one of this host. */
function names(literal: string, hostname: string): boolean {
  return !literal.startsWith('$') && urlHostname(literal) === hostname;
}
