import { Labels } from '#libs/labels';
import type { PodMetadata } from '#libs/log-pipeline';
import type { Attribute } from '#libs/otlp';
import type { SenderPods } from '../logs/log-intake.ts';

/** The text of an attribute, empty where it has none. */
function textOf(attributes: readonly Attribute[], name: string): string {
  return attributes.findLast(({ key }) => key === name)?.value?.stringValue ?? '';
}

/** The pod that a resource is of: the one it names by UID, or the one at the sender's address. */
export function podOf(
  pods: SenderPods | null,
  attributes: readonly Attribute[],
  remoteAddress: string,
): PodMetadata | null {
  if (pods === null) return null;
  const uid = textOf(attributes, 'k8s.pod.uid');
  const told = uid === '' ? null : pods.findByUid(uid);
  return told ?? pods.findByAddress(remoteAddress);
}

/** A resource with what is known of its pod; what it says of itself stays. */
export function withPod(attributes: readonly Attribute[], pod: PodMetadata): Attribute[] {
  const known = new Set(attributes.map(({ key }) => key ?? ''));
  const about: readonly (readonly [string, string])[] = [
    ['k8s.namespace.name', pod.namespace],
    ['k8s.pod.name', pod.name],
    ['k8s.pod.uid', pod.uid],
    ['k8s.node.name', pod.node],
    // By these Prometheus tells targets apart; applications that tell no name would all be one.
    ...(known.has('service.name')
      ? []
      : ([
          ['service.namespace', pod.namespace],
          ['service.name', pod.workload === '' ? pod.name : pod.workload],
        ] as const)),
    ['service.instance.id', `${pod.namespace}.${pod.name}`],
  ];
  const added = about.filter(([key, value]) => value !== '' && !known.has(key));
  return [...attributes, ...added.map(([key, value]) => ({ key, value: { stringValue: value } }))];
}

/** Puts the pod on series. Labels of the same names that the sender has given go on as `exported_…`. */
export function podLabels({ namespace, name, node }: PodMetadata): (labels: Labels) => Labels {
  const own = Object.entries({ namespace, pod: name, node }).filter(([, value]) => value !== '');
  return (labels) => {
    let changed = labels;
    for (const [key, value] of own) {
      const theirs = changed.get(key) ?? '';
      if (theirs !== '' && theirs !== value) changed = changed.with(`exported_${key}`, theirs);
      changed = changed.with(key, value);
    }
    return changed;
  };
}
