// Makes `kubernetes-schemas.json` from Kubernetes's own API descriptions:
//   node --conditions=repo-source deploy/src/build-schemas.ts 1.30=FILE 1.31=FILE …
// where FILE is `api/openapi-spec/swagger.json` of that release. Descriptions are left out, and only what the kinds that
// manifests use lead to is kept.
import { readFile, writeFile } from 'node:fs/promises';
import type { SchemaField, SchemaFile, SchemaType } from './kubernetes-schema.ts';

const KINDS = [
  'v1/ConfigMap',
  'v1/Namespace',
  'v1/PersistentVolumeClaim',
  'v1/Secret',
  'v1/Service',
  'v1/ServiceAccount',
  'apps/v1/DaemonSet',
  'apps/v1/Deployment',
  'apps/v1/StatefulSet',
  'batch/v1/CronJob',
  'batch/v1/Job',
  'networking.k8s.io/v1/Ingress',
  'networking.k8s.io/v1/NetworkPolicy',
  'policy/v1/PodDisruptionBudget',
  'rbac.authorization.k8s.io/v1/ClusterRole',
  'rbac.authorization.k8s.io/v1/ClusterRoleBinding',
  'rbac.authorization.k8s.io/v1/Role',
  'rbac.authorization.k8s.io/v1/RoleBinding',
  'scheduling.k8s.io/v1/PriorityClass',
  'storage.k8s.io/v1/StorageClass',
] as const;

interface OpenApiSchema {
  readonly type?: string;
  readonly format?: string;
  readonly $ref?: string;
  readonly items?: OpenApiSchema;
  readonly additionalProperties?: OpenApiSchema;
  readonly properties?: Readonly<Record<string, OpenApiSchema>>;
  readonly required?: readonly string[];
  readonly 'x-kubernetes-group-version-kind'?: readonly {
    readonly group: string;
    readonly version: string;
    readonly kind: string;
  }[];
}

const PREFIX = '#/definitions/';
const SPECIAL: ReadonlyMap<string, SchemaField> = new Map([
  ['io.k8s.apimachinery.pkg.util.intstr.IntOrString', 'int-or-string'],
  ['io.k8s.apimachinery.pkg.api.resource.Quantity', 'quantity'],
]);

/** `io.k8s.api.apps.v1.DaemonSet` is long; the last two parts and the group are enough to tell types apart. */
function shortName(name: string): string {
  return name.replace(/^io\.k8s\.(?:api|apimachinery\.pkg\.(?:apis|util|api))\./, '');
}

function fieldOf(schema: OpenApiSchema, reach: (definition: string) => void): SchemaField {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.slice(PREFIX.length);
    const special = SPECIAL.get(name);
    if (special !== undefined) return special;
    reach(name);
    return `#${shortName(name)}`;
  }
  switch (schema.type) {
    case 'array':
      return `[]${fieldOf(schema.items!, reach)}`;
    case 'object':
      return schema.additionalProperties === undefined
        ? 'any'
        : `{}${fieldOf(schema.additionalProperties, reach)}`;
    case 'string':
    case 'integer':
    case 'number':
    case 'boolean':
      return schema.type;
    case undefined:
      return 'any';
    default:
      throw new Error(`a type that is not known: ${schema.type}`);
  }
}

function typesOf(definitions: Readonly<Record<string, OpenApiSchema>>): {
  readonly kinds: Map<string, string>;
  readonly types: Map<string, SchemaType>;
} {
  const kinds = new Map<string, string>();
  for (const [name, schema] of Object.entries(definitions)) {
    for (const { group, version, kind } of schema['x-kubernetes-group-version-kind'] ?? []) {
      const full = `${group === '' ? '' : `${group}/`}${version}/${kind}`;
      if (KINDS.some((wanted) => wanted === full)) kinds.set(full, name);
    }
  }
  const types = new Map<string, SchemaType>();
  const queue = [...kinds.values()];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const short = shortName(name);
    if (types.has(short)) continue;
    const schema = definitions[name]!;
    if (schema.properties === undefined) {
      types.set(short, { is: schema.type === 'string' ? 'string' : 'any' });
      continue;
    }
    const fields: Record<string, SchemaField> = {};
    for (const [key, field] of Object.entries(schema.properties)) {
      fields[key] = fieldOf(field, (definition) => queue.push(definition));
    }
    types.set(short, { fields, required: schema.required ?? [] });
  }
  return { kinds, types };
}

const versions: string[] = [];
const kindNames: Record<string, string> = {};
const merged = new Map<string, { type: SchemaType; versions: string[] }[]>();
for (const argument of process.argv.slice(2)) {
  const [version, file] = argument.split('=');
  const { definitions } = JSON.parse(await readFile(file!, 'utf8')) as {
    definitions: Readonly<Record<string, OpenApiSchema>>;
  };
  versions.push(version!);
  const { kinds, types } = typesOf(definitions);
  for (const [kind, name] of kinds) kindNames[kind] = shortName(name);
  for (const [name, type] of types) {
    const variants = merged.get(name) ?? [];
    merged.set(name, variants);
    const text = JSON.stringify(type);
    const same = variants.find((variant) => JSON.stringify(variant.type) === text);
    if (same === undefined) variants.push({ type, versions: [version!] });
    else same.versions.push(version!);
  }
}
const result: SchemaFile = {
  versions,
  kinds: kindNames,
  types: Object.fromEntries([...merged].toSorted(([a], [b]) => (a < b ? -1 : 1))),
};
await writeFile(new URL('kubernetes-schemas.json', import.meta.url), `${JSON.stringify(result)}\n`);
