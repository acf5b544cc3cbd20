import { Labels } from '#libs/labels';
import type { PodMetadata } from '#libs/log-pipeline';
import type { Attribute } from '#libs/otlp';

/** The text of an attribute, empty where it has none. */
function textOf(attributes: readonly Attribute[], name: string): string {
  return attributes.findLast(({ key }) => key === name)?.value?.stringValue ?? '';
}

/** The pod that a resource says it is of; empty where it does not. */
export function podUidOf(attributes: readonly Attribute[]): string {
  return textOf(attributes, 'k8s.pod.uid');
}

/** A resource with what is known of its pod. Which pod it is, is not the sender's to say; what else it says stays. */
export function withPod(attributes: readonly Attribute[], pod: PodMetadata): Attribute[] {
  const identity: readonly (readonly [string, string])[] = [
    ['k8s.namespace.name', pod.namespace],
    ['k8s.pod.name', pod.name],
    ['k8s.pod.uid', pod.uid],
    ['k8s.node.name', pod.node],
  ];
  const replaced = new Set(identity.map(([key]) => key));
  const own = attributes.filter(({ key }) => !replaced.has(key ?? ''));
  const known = new Set(own.map(({ key }) => key ?? ''));
  const about: readonly (readonly [string, string])[] = [
    ...identity,
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
  return [...own, ...added.map(([key, value]) => ({ key, value: { stringValue: value } }))];
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
