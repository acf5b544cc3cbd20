import { stringify } from 'yaml';
import type { ApiAccess } from '../../apps/collector/src/kubernetes/api-access.ts';

/** One rule of a role. */
export interface RoleRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

const LABELS = {
  'app.kubernetes.io/name': 'binnacle-collector',
  'app.kubernetes.io/part-of': 'binnacle',
};
const NAME = 'binnacle-collector';
const NAMESPACE = 'binnacle-nodes';
const RBAC = 'rbac.authorization.k8s.io';
const SUBJECTS = [{ kind: 'ServiceAccount', name: NAME, namespace: NAMESPACE }];
const HEAD =
  '# Generated from what the collector asks of the API server: npm run manifests -- --write\n';
const FORMAT = { aliasDuplicateObjects: false, singleQuote: true, lineWidth: 0 };

/** The rules that grant what is asked within a scope, and nothing else. */
export function roleRules(asked: readonly ApiAccess[], scope: ApiAccess['scope']): RoleRule[] {
  const rules = new Map<string, { rule: RoleRule; resources: Set<string> }>();
  for (const { apiGroup, resource, verbs, resourceName, ...access } of asked) {
    if (access.scope !== scope) continue;
    const key = JSON.stringify([apiGroup, verbs, resourceName]);
    const known = rules.get(key);
    if (known !== undefined) {
      known.resources.add(resource);
      continue;
    }
    const resources = new Set([resource]);
    const names = resourceName === undefined ? {} : { resourceNames: [resourceName] };
    rules.set(key, { rule: { apiGroups: [apiGroup], resources: [], ...names, verbs }, resources });
  }
  return [...rules.values()].map(({ rule, resources }) =>
    Object.assign(rule, { resources: [...resources].toSorted() }),
  );
}

/** What a role for monitor objects is called; the component `prometheus-crds` has it. */
export const MONITORS_ROLE = 'binnacle-collector-monitors';

/** What is asked on top of what is asked anyway. */
export function furtherAccess(
  asked: readonly ApiAccess[],
  further: readonly ApiAccess[],
): readonly ApiAccess[] {
  const known = new Set(asked.map((access) => JSON.stringify(access)));
  return further.filter((access) => !known.has(JSON.stringify(access)));
}

/** The role and binding of a collector that reads monitor objects as well, as YAML. */
export function monitorsRole(further: readonly ApiAccess[]): string {
  const metadata = { name: MONITORS_ROLE, labels: LABELS };
  const objects = [
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRole',
      metadata,
      rules: roleRules(further, 'cluster'),
    },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRoleBinding',
      metadata,
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: MONITORS_ROLE },
      subjects: SUBJECTS,
    },
  ];
  return HEAD + objects.map((object) => stringify(object, FORMAT)).join('---\n');
}

/** The roles and bindings of a collector that asks this, as YAML. */
export function collectorRoles(asked: readonly ApiAccess[]): string {
  const metadata = { name: NAME, labels: LABELS };
  const binding = (kind: string, of: string, more: object): object => ({
    apiVersion: `${RBAC}/v1`,
    kind,
    metadata: { ...metadata, ...more },
    roleRef: { apiGroup: RBAC, kind: of, name: NAME },
    subjects: SUBJECTS,
  });
  const role = (kind: string, scope: ApiAccess['scope'], more: object): object => ({
    apiVersion: `${RBAC}/v1`,
    kind,
    metadata: { ...metadata, ...more },
    rules: roleRules(asked, scope),
  });
  const own = { namespace: NAMESPACE };
  const objects = [
    role('ClusterRole', 'cluster', {}),
    binding('ClusterRoleBinding', 'ClusterRole', {}),
    role('Role', 'namespace', own),
    binding('RoleBinding', 'Role', own),
  ];
  return HEAD + objects.map((object) => stringify(object, FORMAT)).join('---\n');
}
