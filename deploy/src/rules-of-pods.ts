import {
  type Container,
  containersOf,
  type Manifest,
  mountedConfigMaps,
  nameOf,
  type PodSpec,
} from './manifest.ts';

/** Says why a pod runs something as root. Without it none does. */
export const NEEDS_ROOT = 'binnacle.dev/needs-root';

/** What root keeps of its rights where a pod says why it is needed. */
const RIGHTS_OF_ROOT: ReadonlySet<string> = new Set(['CHOWN', 'FOWNER', 'DAC_READ_SEARCH']);

/** Settings of the kernel that the pod-security levels take, of those that a pod may need: they end at the pod. */
const SAFE_SYSCTLS: ReadonlySet<string> = new Set(['net.ipv4.ping_group_range']);

/** Checks of each pod by itself: what it may do, and what it may take. */
export function podFindings(objects: readonly Manifest[]): string[] {
  return objects.flatMap((object) => {
    const template = object.spec?.template;
    if (template === undefined) return [];
    const reason = template.metadata.annotations?.[NEEDS_ROOT] ?? '';
    return [
      ...rightsOf(template.spec, reason !== ''),
      ...surroundings(object, template.spec, objects),
    ].map((finding) => `${nameOf(object)}: ${finding}`);
  });
}

function* rightsOf(pod: PodSpec, mayBeRoot: boolean): Generator<string> {
  if (pod.hostNetwork === true || pod.hostPID === true || pod.hostIPC === true) {
    yield 'shares a namespace of the node';
  }
  if (pod.securityContext?.seccompProfile?.type !== 'RuntimeDefault') {
    yield 'seccomp is not RuntimeDefault';
  }
  for (const { name } of pod.securityContext?.sysctls ?? []) {
    if (!SAFE_SYSCTLS.has(name)) yield `sets ${name}, which nodes do not allow by themselves`;
  }
  if (pod.automountServiceAccountToken === undefined) {
    yield 'does not say whether it wants a token of the API server';
  }
  for (const { name, image, env = [], securityContext = {}, resources } of containersOf(pod)) {
    const { capabilities = {}, runAsNonRoot = pod.securityContext?.runAsNonRoot } = securityContext;
    const user = securityContext.runAsUser ?? pod.securityContext?.runAsUser;
    if ((runAsNonRoot !== true || user === 0) && !mayBeRoot) {
      yield `container ${name} may run as root and ${NEEDS_ROOT} does not say why`;
    }
    if (securityContext.privileged === true) yield `container ${name} is privileged`;
    if (securityContext.allowPrivilegeEscalation !== false) {
      yield `container ${name} may gain rights`;
    }
    if (securityContext.readOnlyRootFilesystem !== true) {
      yield `container ${name} may write to its image`;
    }
    if (capabilities.drop?.includes('ALL') !== true) {
      yield `container ${name} keeps capabilities`;
    }
    for (const added of capabilities.add ?? []) {
      if (!mayBeRoot || !RIGHTS_OF_ROOT.has(added)) yield `container ${name} gets ${added}`;
    }
    yield* unsetVariables(name, env);
    if (resources?.limits?.['memory'] === undefined) yield `container ${name} has no memory limit`;
    if (resources?.requests?.['cpu'] === undefined) yield `container ${name} requests no CPU`;
    if (!/@sha256:[0-9a-f]{64}$|:(?!latest$)[\w.-]+$/.test(image)) {
      yield `container ${name} has an image without a version: ${image}`;
    }
  }
}

/** A variable counts for those after it, and is taken for a text by those before it. */
function* unsetVariables(container: string, env: NonNullable<Container['env']>): Generator<string> {
  const known = new Set<string>();
  for (const { name, value = '' } of env) {
    for (const [, used] of value.matchAll(/\$\(([^()]+)\)/g)) {
      if (!known.has(used!)) yield `container ${container}: ${name} needs ${used!} before it`;
    }
    known.add(name);
  }
}

function* surroundings(
  { metadata, spec }: Manifest,
  pod: PodSpec,
  objects: readonly Manifest[],
): Generator<string> {
  const has = (kind: string, name: string | undefined, namespace: string | undefined): boolean =>
    objects.some(
      (one) =>
        one.kind === kind && one.metadata.name === name && one.metadata.namespace === namespace,
    );
  if (!has('ServiceAccount', pod.serviceAccountName, metadata.namespace)) {
    yield `has no ServiceAccount of its own`;
  }
  if (
    pod.priorityClassName !== undefined &&
    !has('PriorityClass', pod.priorityClassName, undefined)
  ) {
    yield `there is no PriorityClass ${pod.priorityClassName}`;
  }
  for (const { name, optional } of mountedConfigMaps(pod)) {
    if (optional !== true && !has('ConfigMap', name, metadata.namespace)) {
      yield `there is no ConfigMap ${name}`;
    }
  }
  const volumes = new Set([
    ...(pod.volumes ?? []).map(({ name }) => name),
    ...(spec?.volumeClaimTemplates ?? []).map((claim) => claim.metadata.name),
  ]);
  for (const { name: container, volumeMounts = [] } of containersOf(pod)) {
    for (const { name } of volumeMounts) {
      if (!volumes.has(name)) yield `container ${container} mounts ${name}, which does not exist`;
    }
  }
  const hostPaths = (pod.volumes ?? []).filter(({ hostPath }) => hostPath !== undefined);
  const level = objects.find(
    ({ kind, metadata: { name } }) => kind === 'Namespace' && name === metadata.namespace,
  )?.metadata.labels?.['pod-security.kubernetes.io/enforce'];
  if (hostPaths.length > 0 && level !== 'privileged') {
    yield `mounts folders of the node, which its namespace's pod-security level forbids`;
  }
  if (hostPaths.length === 0 && level !== 'restricted') {
    yield `runs in a namespace whose pod-security level is not restricted`;
  }
}
