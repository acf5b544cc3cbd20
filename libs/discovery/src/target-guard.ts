import type { Labels } from '#libs/labels';
import type { RelabelRule } from './relabel-config.ts';
import type { ScrapeConfig } from './scrape-config.ts';
import type { InvalidTarget, Target, TargetSet } from './targets.ts';

/** Why a target is not asked; the set is closed because it becomes a metric label. */
export type RefusalReason = 'kubelet' | 'loopback' | 'link_local' | 'metadata';

/** A target of Kubernetes that whoever may create objects there must not have asked. */
export interface RefusedTarget extends InvalidTarget {
  readonly code: RefusalReason;
  /** That of the target it would have been. */
  readonly key: string;
}

/** Where the kubelet of this node is. */
export interface GuardSurroundings {
  /** `HOST:PORT`, or null where it is not known. */
  readonly kubelet: string | null;
}

/** Those that kubelets have unless told otherwise, the one for reading without credentials included. */
const KUBELET_PORTS: readonly string[] = ['10250', '10255'];

/** Where clouds hand out credentials to whoever asks from the node. The first is link-local as well. */
const METADATA: ReadonlySet<string> = new Set([
  '169.254.169.254',
  '169.254.170.2',
  '169.254.170.23',
  '100.100.100.200',
  '168.63.129.16',
  '[fd00:ec2::254]',
  '[fd00:ec2::23]',
  '[fd20:ce::254]',
  'metadata',
  'metadata.google.internal',
  'instance-data',
]);

const META = '__meta_kubernetes_';

/**
 * Takes out of a set what annotations must not lead to: everything on the node that listens for the node alone, the kubelet
 * and the cloud's metadata. It looks at targets that Kubernetes named. What the API server itself says of an object's
 * address holds, and what a job's own rules write down literally (`replacement: 127.0.0.1:9115`) is the operator's word.
 */
export function guardTargets(
  set: TargetSet,
  config: ScrapeConfig,
  around: GuardSurroundings,
): { readonly set: TargetSet; readonly refused: readonly RefusedTarget[] } {
  if (config.discovery.every(({ kind }) => kind !== 'kubernetes')) return { set, refused: [] };
  const literals = literalAddresses(config.relabelRules);
  const refused: RefusedTarget[] = [];
  const targets = set.targets.filter((target) => {
    const code = refusalOf(target, literals, around);
    if (code === null) return true;
    const { jobName, discoveredLabels, url, key } = target;
    const reason = `${new URL(url).host} is not asked: ${REASONS[code]}`;
    refused.push({ jobName, discoveredLabels, reason, code, key });
    return false;
  });
  if (refused.length === 0) return { set, refused };
  return { set: { ...set, targets, invalid: [...set.invalid, ...refused] }, refused };
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
    (from.hostname === to.hostname ? null : specialHost(to.hostname)) ??
    (kubeletPorts(around).includes(portOf(to)) ? 'kubelet' : null);
  return code === null ? null : `redirected to ${to.host}: ${REASONS[code]}`;
}

function refusalOf(
  { url, discoveredLabels: labels }: Target,
  literals: readonly string[],
  around: GuardSurroundings,
): RefusalReason | null {
  if (![...labels].some(([name]) => name.startsWith(META))) return null;
  const target = new URL(url);
  const before = URL.parse(`http://${labels.get('__address__')}`);
  if (!literals.some((literal) => names(literal, target.hostname))) {
    const special = specialHost(target.hostname);
    // The API server gives no object such a name, and such an address only where it is the object's own.
    const isOwn = before?.hostname === target.hostname && isAddress(target.hostname);
    if (special !== null && !isOwn) return special;
  }
  const port = portOf(target);
  if (!kubeletPorts(around).includes(port)) return null;
  if (literals.some((literal) => literal.endsWith(`:${port}`))) return null;
  return leadsToKubelet(target, labels, before, around) ? 'kubelet' : null;
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
  const nodes = [labels.get(`${META}pod_host_ip`), kubelet === null ? '' : hostOf(kubelet)];
  const isOnNode = nodes.some((node) => node !== '' && hostOf(node) === target.hostname);
  const isDeclared = labels.get(`${META}pod_container_port_number`) === portOf(target);
  return isOnNode || !(isDeclared || isUnchanged);
}

function kubeletPorts({ kubelet }: GuardSurroundings): readonly string[] {
  return kubelet === null ? KUBELET_PORTS : [...KUBELET_PORTS, kubelet.replace(/^.*:/, '')];
}

/** As a URL has it: IPv6 in brackets and short. */
function hostOf(address: string): string {
  const isBare = address.split(':').length > 2 && !address.startsWith('[');
  return URL.parse(`http://${isBare ? `[${address}]` : address}`)?.hostname ?? address;
}

function portOf({ port, protocol }: URL): string {
  if (port !== '') return port;
  return protocol === 'https:' ? '443' : '80';
}

function isAddress(hostname: string): boolean {
  return hostname.startsWith('[') || /^\d+(\.\d+){3}$/.test(hostname);
}

/** @param hostname of a URL, so that every way to write an IPv4 address has become the usual one */
function specialHost(hostname: string): RefusalReason | null {
  const host = v4Mapped(hostname) ?? hostname.replace(/\.$/, '');
  if (METADATA.has(host)) return 'metadata';
  // `0.0.0.0` and `::` connect to the host itself.
  if (/^(127|0)\.\d+\.\d+\.\d+$|^\[::1?\]$|(^|\.)localhost$/.test(host)) return 'loopback';
  if (/^169\.254\.|^\[fe[89ab][0-9a-f]:/.test(host)) return 'link_local';
  return null;
}

/** The IPv4 address within `[::ffff:7f00:1]` and its like, or null. */
function v4Mapped(hostname: string): string | null {
  const match = /^\[(?:::ffff:|64:ff9b::|::)([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(hostname);
  if (match === null) return null;
  const [high, low] = [match[1]!, match[2]!].map((half) => Number.parseInt(half, 16));
  return [high! >> 8, high! & 255, low! >> 8, low! & 255].join('.');
}

/** What the rules put into `__address__` in so many words. */
function literalAddresses(rules: readonly RelabelRule[]): readonly string[] {
  return rules
    .filter(({ action, targetLabel }) => action === 'replace' && targetLabel === '__address__')
    .map(({ replacement }) => replacement);
}

/** Whether an address that was written down is one of this host. */
function names(literal: string, hostname: string): boolean {
  return !literal.startsWith('$') && hostOf(literal) === hostname;
}
