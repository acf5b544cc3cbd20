import { readFileSync } from 'node:fs';

/**
 * What a field holds: `string`, `integer`, `number`, `boolean`, `int-or-string`, `quantity`, `any`, `#NAME` for another
 * type, and `[]FIELD` and `{}FIELD` for lists and maps of them.
 */
export type SchemaField = string;

/** One type of the API: an object with fields, or what stands for it. */
export type SchemaType =
  | { readonly fields: Readonly<Record<string, SchemaField>>; readonly required: readonly string[] }
  | { readonly is: SchemaField };

/** `kubernetes-schemas.json`: each type in its variants and the Kubernetes versions that have each. */
export interface SchemaFile {
  readonly versions: readonly string[];
  /** `apps/v1/DaemonSet` to the name of its type. */
  readonly kinds: Readonly<Record<string, string>>;
  readonly types: Readonly<
    Record<string, readonly { readonly type: SchemaType; readonly versions: readonly string[] }[]>
  >;
}

const file = JSON.parse(
  readFileSync(new URL('kubernetes-schemas.json', import.meta.url), 'utf8'),
) as SchemaFile;

/** The Kubernetes versions whose schemas are here, oldest first. */
export const KUBERNETES_VERSIONS: readonly string[] = file.versions;

const QUANTITY = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?$/;

/**
 * Compares an object with the API of one Kubernetes version, strictly: unknown kinds and fields are findings.
 * @returns a sentence for each finding, with the path of the field
 */
export function schemaFindings(object: unknown, version: string): string[] {
  const findings: string[] = [];
  const { apiVersion, kind } = isMap(object) ? object : {};
  const name = file.kinds[`${text(apiVersion)}/${text(kind)}`];
  if (name === undefined) {
    return [`${text(apiVersion)}/${text(kind)} is not a kind that manifests here may use`];
  }
  checkType(name, object, '', version, findings);
  return findings;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checkType(
  name: string,
  value: unknown,
  path: string,
  version: string,
  findings: string[],
): void {
  const type = file.types[name]?.find(({ versions }) => versions.includes(version))?.type;
  if (type === undefined) {
    findings.push(`${path} is of a type that Kubernetes ${version} does not have: ${name}`);
    return;
  }
  if ('is' in type) {
    checkField(type.is, value, path, version, findings);
    return;
  }
  if (!isMap(value)) {
    findings.push(`${path} must be an object`);
    return;
  }
  for (const key of type.required) {
    if (!Object.hasOwn(value, key)) findings.push(`${path}.${key} is required`);
  }
  for (const [key, field] of Object.entries(value)) {
    const known = Object.hasOwn(type.fields, key) ? type.fields[key] : undefined;
    if (known === undefined) {
      findings.push(`${path}.${key} is not a field that Kubernetes ${version} has`);
    } else {
      checkField(known, field, `${path}.${key}`, version, findings);
    }
  }
}

function checkField(
  field: SchemaField,
  value: unknown,
  path: string,
  version: string,
  findings: string[],
): void {
  if (field.startsWith('#')) {
    checkType(field.slice(1), value, path, version, findings);
  } else if (field.startsWith('[]')) {
    if (!Array.isArray(value)) {
      findings.push(`${path} must be a list`);
      return;
    }
    value.forEach((one, i) =>
      checkField(field.slice(2), one, `${path}[${String(i)}]`, version, findings),
    );
  } else if (field.startsWith('{}')) {
    if (!isMap(value)) {
      findings.push(`${path} must be a map`);
      return;
    }
    for (const [key, one] of Object.entries(value)) {
      checkField(field.slice(2), one, `${path}[${key}]`, version, findings);
    }
  } else if (!isScalar(field, value)) {
    findings.push(`${path} must be ${/^[aio]/.test(field) ? 'an' : 'a'} ${field}`);
  }
}

function isScalar(field: SchemaField, value: unknown): boolean {
  switch (field) {
    case 'any':
      return true;
    case 'integer':
      return Number.isInteger(value);
    case 'int-or-string':
      return typeof value === 'string' || Number.isInteger(value);
    case 'quantity':
      return typeof value === 'number' || (typeof value === 'string' && QUANTITY.test(value));
    default:
      return typeof value === field;
  }
}
