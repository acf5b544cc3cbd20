import { stringify } from 'yaml';

const NAME = 'binnacle-collector-imported';
const RBAC = 'rbac.authorization.k8s.io';
const LABELS = {
  'app.kubernetes.io/name': 'binnacle-collector',
  'app.kubernetes.io/part-of': 'binnacle',
};

/**
 * The role that the collector needs on top of the manifests' own for jobs that come from elsewhere: of what jobs discover,
 * these have everything but Endpoints.
 * @param jobs the `scrape_configs` as they are written
 * @returns the objects as YAML, or null where none is needed
 */
export function importedRights(jobs: unknown): string | null {
  const sources = listOf(jobs).flatMap((job) => listOf(valueOf(job, 'kubernetes_sd_configs')));
  const asks = sources.some(
    (source) =>
      valueOf(source, 'role') === 'endpoints' &&
      // What another API server is asked is granted there.
      valueOf(source, 'api_server') === undefined,
  );
  if (!asks) return null;
  const metadata = { name: NAME, labels: LABELS };
  const objects = [
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRole',
      metadata,
      rules: [{ apiGroups: [''], resources: ['endpoints'], verbs: ['list', 'watch'] }],
    },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRoleBinding',
      metadata,
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: NAME },
      subjects: [
        { kind: 'ServiceAccount', name: 'binnacle-collector', namespace: 'binnacle-nodes' },
      ],
    },
  ];
  return objects
    .map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }))
    .join('---\n');
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function valueOf(map: unknown, key: string): unknown {
  if (typeof map !== 'object' || map === null) return undefined;
  return Object.entries(map).find(([name]) => name === key)?.[1];
}
