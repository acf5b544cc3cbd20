import type { ApiAccess } from '../../apps/collector/src/kubernetes/api-access.ts';
import { RULE_OBJECT_ACCESS } from '../../apps/alert-engine/src/rules/objects/rule-objects-config.ts';
import { MONITORS_ROLE, roleRules } from './cluster-role.ts';
import { type Manifest, nameOf } from './manifest.ts';

/** Rights that are enough to become somebody else, to read secrets or to run commands elsewhere. */
const NEVER: ReadonlySet<string> = new Set([
  'secrets',
  'nodes/proxy',
  'pods/exec',
  'pods/attach',
  'pods/portforward',
  'pods/proxy',
  'services/proxy',
  'serviceaccounts/token',
]);
const NEVER_VERBS: ReadonlySet<string> = new Set(['impersonate', 'escalate', 'bind']);

type Rule = NonNullable<Manifest['rules']>[number];

const COLLECTOR = 'binnacle-collector';
/** Of jobs that were imported (`binnacle import --overlay`), on top of the collector's own. */
const IMPORTED = 'binnacle-collector-imported';
/** Of the engine, where it reads rules in objects; the component `rule-objects` has it. */
const ENGINE_RULES = 'binnacle-engine-rules';

/**
 * Checks of every role: nothing that nobody needs, and for the collector exactly what its code asks.
 * @param monitors what it asks on top for monitor objects, for the role that not every overlay has
 */
export function roleFindings(
  objects: readonly Manifest[],
  access: readonly ApiAccess[],
  monitors: readonly ApiAccess[],
): string[] {
  const roles = objects.filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role');
  const findings = roles.flatMap((role) => {
    const name = nameOf(role);
    return (role.rules ?? []).flatMap((rule) => tooMuch(rule).map((what) => `${name}: ${what}`));
  });
  const compare = (
    kind: string,
    name: string,
    rules: readonly Rule[],
    more: string = name,
  ): void => {
    const asked = rightsOf(rules);
    const granted = rightsOf(
      roles
        .filter(
          ({ metadata, ...role }) => role.kind === kind && [name, more].includes(metadata.name),
        )
        .flatMap((role) => role.rules ?? []),
    );
    for (const right of asked) {
      if (!granted.has(right)) findings.push(`${kind}/${name}: does not grant ${right}`);
    }
    for (const right of granted) {
      if (!asked.has(right)) findings.push(`${kind}/${name}: nothing asks for ${right}`);
    }
  };
  compare('ClusterRole', COLLECTOR, roleRules(access, 'cluster'), IMPORTED);
  compare('Role', COLLECTOR, roleRules(access, 'namespace'));
  if (roles.some(({ metadata }) => metadata.name === MONITORS_ROLE)) {
    compare('ClusterRole', MONITORS_ROLE, roleRules(monitors, 'cluster'));
  }
  if (roles.some(({ metadata }) => metadata.name === ENGINE_RULES)) {
    compare('ClusterRole', ENGINE_RULES, roleRules(RULE_OBJECT_ACCESS, 'cluster'));
  }
  return findings;
}

function tooMuch({ apiGroups = [], resources = [], verbs = [] }: Rule): string[] {
  const words = [...apiGroups, ...resources, ...verbs];
  return [
    ...(words.some((word) => word.includes('*')) ? ['has a wildcard'] : []),
    ...resources.filter((resource) => NEVER.has(resource)).map((one) => `grants ${one}`),
    ...verbs.filter((verb) => NEVER_VERBS.has(verb)).map((verb) => `grants the verb ${verb}`),
  ];
}

/** Every single right: `list pods`, `get leases.coordination.k8s.io NAME`. */
function rightsOf(rules: readonly Rule[]): ReadonlySet<string> {
  const rights = rules.flatMap(({ apiGroups = [], resources = [], verbs = [], resourceNames }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        verbs.flatMap((verb) =>
          (resourceNames ?? ['']).map((name) =>
            `${verb} ${resource}${group === '' ? '' : `.${group}`} ${name}`.trimEnd(),
          ),
        ),
      ),
    ),
  );
  return new Set(rights);
}
