/** What runs in the simulated cluster while nothing is wrong. */

const GIB = 1024 ** 3;

/** Replicas of Deployments by namespace and name. */
export const DEPLOYMENTS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  shop: {
    frontend: 12,
    catalog: 4,
    cart: 8,
    checkout: 6,
    pricing: 6,
    'cart-worker': 2,
    recommender: 6,
  },
  payments: { gateway: 8, ledger: 4, fraud: 3, invoices: 4, refunds: 3 },
  search: { api: 10, indexer: 3, suggest: 6, ranker: 6 },
  data: { warehouse: 3, ingest: 12, stream: 8, cache: 2 },
  media: { transcoder: 8, thumbnails: 10, uploads: 6, cdn: 8 },
  accounts: { login: 10, profile: 8, sessions: 8, mailer: 4 },
  logistics: { routes: 8, tracking: 10, depots: 6, labels: 4 },
  analytics: { intake: 10, reports: 4, sessions: 8, funnel: 6 },
  staging: { frontend: 4, cart: 4, payments: 4, search: 4 },
  internal: { wiki: 2, 'ci-runner': 10, chat: 4, registry: 3, worker: 20 },
  'kube-system': { coredns: 2, 'metrics-server': 1 },
  legacy: { monolith: 6 },
};

export const STATEFUL_SETS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  data: { postgres: 3, kafka: 3 },
  search: { elastic: 3 },
  accounts: { redis: 3 },
  binnacle: { 'binnacle-engine': 1 },
};

export const DAEMON_SETS: Readonly<Record<string, readonly string[]>> = {
  'kube-system': ['kube-proxy', 'cni', 'csi-node'],
  'binnacle-nodes': ['binnacle-collector'],
};

export const CRON_JOBS: readonly (readonly [namespace: string, name: string, minutes: number])[] = [
  ['batch', 'report', 30],
  ['batch', 'cleanup', 15],
  ['batch', 'backup', 60],
  ['batch', 'export', 30],
  ['batch', 'archive', 60],
];

export const AUTOSCALED: readonly (readonly [namespace: string, target: string, max: number])[] = [
  ['shop', 'frontend', 24],
  ['shop', 'cart', 16],
  ['search', 'api', 20],
  ['accounts', 'login', 20],
];

export const INGRESSES: readonly (readonly [namespace: string, service: string])[] = [
  ['shop', 'frontend'],
  ['payments', 'gateway'],
  ['accounts', 'login'],
  ['media', 'cdn'],
];

export const BUDGETS: readonly (readonly [
  namespace: string,
  target: string,
  minAvailable: number,
])[] = [
  ['shop', 'frontend', 8],
  ['payments', 'ledger', 4],
  ['search', 'api', 6],
];

/** A quarter of what the namespaces have is in use. */
export const QUOTAS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  shop: { 'requests.cpu': 40, 'requests.memory': 128 * GIB, pods: 200 },
  staging: { 'requests.cpu': 16, 'requests.memory': 64 * GIB, pods: 100 },
  internal: { 'requests.cpu': 40, 'requests.memory': 128 * GIB, pods: 200 },
  media: { 'requests.cpu': 40, 'requests.memory': 128 * GIB, pods: 200 },
};

export const NODE_COUNT = 20;
export const NODE_CORES = 8;
export const NODE_MEMORY_BYTES = 32 * GIB;
export const NODE_DISK_BYTES = 200 * GIB;
export const NODE_FILES = 13_000_000;
export const CLAIM_BYTES = 50 * GIB;
export const CLAIM_FILES = 3_000_000;
