import type { Metadata } from '../objects/metadata.ts';
import { labelName } from '../state/allowed-labels.ts';

/** Labels by name; what discovery knows of a target. */
export type MetaLabels = Record<string, string>;

/** `__meta_kubernetes_` */
export const META = '__meta_kubernetes_';

/** Adds an object's own labels and annotations as `…_label_*`, `…_labelpresent_*` and the same for annotations. */
export function addObjectMeta(into: MetaLabels, role: string, metadata: Metadata): void {
  for (const [name, value] of metadata.labels) {
    into[`${META}${role}_label_${labelName(name)}`] = value;
    into[`${META}${role}_labelpresent_${labelName(name)}`] = 'true';
  }
  for (const [name, value] of metadata.annotations) {
    into[`${META}${role}_annotation_${labelName(name)}`] = value;
    into[`${META}${role}_annotationpresent_${labelName(name)}`] = 'true';
  }
}

/** Host and port as an address. */
export function hostPort(host: string, port: number | string): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
