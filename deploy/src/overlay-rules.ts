import { driftFindings } from './drift.ts';
import { accessOf, collectorOf, monitorAccess } from './generated.ts';
import { KUBERNETES_VERSIONS, schemaFindings } from './kubernetes-schema.ts';
import { containersOf, type Labels, type Manifest, nameOf } from './manifest.ts';
import { podFindings } from './rules-of-pods.ts';
import { roleFindings } from './rules-of-roles.ts';

/** `kubectl apply` writes the whole object into an annotation, which may have 256 KiB. */
const MAX_OBJECT_BYTES = 200_000;
const MAX_OBJECTS = 40;
const MAX_IMAGES = 2;

/** What a rendered overlay amounts to. */
export interface OverlayFigures {
  readonly objects: number;
  readonly images: readonly string[];
  readonly largest: { readonly name: string; readonly bytes: number };
}

export interface OverlayKind {
  /** Whether it must be small: the default overlay. */
  readonly isDefault: boolean;
}

export function figuresOf(objects: readonly Manifest[]): OverlayFigures {
  const images = objects.flatMap(({ spec }) =>
    spec?.template === undefined ? [] : containersOf(spec.template.spec).map(({ image }) => image),
  );
  const sizes = objects.map((object) => ({ name: nameOf(object), bytes: bytesOf(object) }));
  const largest = sizes.toSorted((a, b) => b.bytes - a.bytes)[0] ?? { name: 'none', bytes: 0 };
  return { objects: objects.length, images: [...new Set(images)], largest };
}

function bytesOf(object: Manifest): number {
  return Buffer.byteLength(JSON.stringify(object));
}

/** Everything that is wrong with the objects of an overlay, a sentence each. */
export function overlayFindings(objects: readonly Manifest[], kind: OverlayKind): string[] {
  return [
    ...(kind.isDefault ? tooMuch(objects) : []),
    ...objects.flatMap(ownFindings),
    ...togetherFindings(objects),
    ...podFindings(objects),
    ...rolesOf(objects),
    ...schemasFindings(objects),
  ];
}

/** The roles beside what the collector asks with the configuration that is among the objects. */
function rolesOf(objects: readonly Manifest[]): string[] {
  const texts = collectorOf(objects);
  if (texts === null) return ['there is no configuration of the collector'];
  return roleFindings(objects, accessOf(texts), monitorAccess(texts));
}

function* tooMuch(objects: readonly Manifest[]): Generator<string> {
  const { images } = figuresOf(objects);
  if (objects.length > MAX_OBJECTS) {
    yield `${String(objects.length)} objects; at most ${String(MAX_OBJECTS)} are allowed`;
  }
  if (images.length > MAX_IMAGES) {
    yield `${String(images.length)} images; at most ${String(MAX_IMAGES)} are allowed`;
  }
}

function ownFindings(object: Manifest): string[] {
  const findings: string[] = [];
  if (object.kind === 'CustomResourceDefinition') findings.push('no CRDs are installed');
  if (object.kind === 'Secret') findings.push('secrets are named, never shipped');
  if (bytesOf(object) > MAX_OBJECT_BYTES) {
    findings.push(`has ${String(bytesOf(object))} bytes; at most 200,000 are allowed`);
  }
  if (object.metadata.labels?.['app.kubernetes.io/part-of'] !== 'binnacle') {
    findings.push('has no label app.kubernetes.io/part-of: binnacle, by which it is uninstalled');
  }
  findings.push(...driftFindings(object));
  return findings.map((finding) => `${nameOf(object)}: ${finding}`);
}

const CLUSTER_WIDE: ReadonlySet<string> = new Set([
  'Namespace',
  'ClusterRole',
  'ClusterRoleBinding',
  'PriorityClass',
  'StorageClass',
  'CustomResourceDefinition',
]);

function* togetherFindings(objects: readonly Manifest[]): Generator<string> {
  const namespaces = new Set(
    objects.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name),
  );
  const seen = new Set<string>();
  for (const object of objects) {
    const name = nameOf(object);
    if (seen.has(name)) yield `${name}: is there twice`;
    seen.add(name);
    const { namespace } = object.metadata;
    if (
      CLUSTER_WIDE.has(object.kind) ? namespace !== undefined : !namespaces.has(namespace ?? '')
    ) {
      yield `${name}: is in no namespace of the overlay`;
    }
    const selector = selectorOf(object);
    if (selector !== null && !objects.some((pod) => isSelected(pod, namespace, selector))) {
      yield `${name}: selects no pod`;
    }
  }
  for (const namespace of namespaces) {
    const isClosed = objects.some(
      ({ kind, metadata, spec }) =>
        kind === 'NetworkPolicy' &&
        metadata.namespace === namespace &&
        spec?.policyTypes?.includes('Ingress') === true &&
        Object.keys(spec.podSelector?.matchLabels ?? {}).length === 0,
    );
    if (!isClosed) yield `Namespace/${namespace}: no NetworkPolicy closes it`;
  }
}

function selectorOf({ kind, spec }: Manifest): Labels | null {
  if (kind === 'Service') return (spec?.selector as Labels | undefined) ?? null;
  if (kind === 'NetworkPolicy') return spec?.podSelector?.matchLabels ?? null;
  if (kind === 'PodDisruptionBudget' || spec?.template !== undefined) {
    return (spec?.selector as { readonly matchLabels?: Labels } | undefined)?.matchLabels ?? {};
  }
  return null;
}

function isSelected(
  { metadata, spec }: Manifest,
  namespace: string | undefined,
  selector: Labels,
): boolean {
  const labels = spec?.template?.metadata.labels;
  if (labels === undefined || metadata.namespace !== namespace) return false;
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

function schemasFindings(objects: readonly Manifest[]): string[] {
  return objects.flatMap((object) => {
    const findings = new Map<string, string[]>();
    for (const version of KUBERNETES_VERSIONS) {
      for (const finding of schemaFindings(object, version)) {
        const text = finding.replaceAll(version, 'VERSION');
        findings.set(text, [...(findings.get(text) ?? []), version]);
      }
    }
    return [...findings].map(
      ([text, versions]) => `${nameOf(object)}: ${text.replaceAll('VERSION', versions.join(', '))}`,
    );
  });
}
