import {
  flag,
  integer,
  listOf,
  mapOf,
  optional,
  shape,
  text,
  time,
  type Decode,
} from '../decode.ts';
import type { Decoded } from '../decode.ts';

/** `kubectl apply` keeps the whole object in here a second time; nobody reads it. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
/** Annotations are free text of up to 256 KiB together; longer values are configuration of somebody else's. */
const MAX_ANNOTATION_LENGTH = 4_096;

const everyAnnotation = mapOf(text);

const annotations: Decode<ReadonlyMap<string, string>> = (value) => {
  const all = everyAnnotation(value);
  const kept = [...all].filter(
    ([key, { length }]) => key !== LAST_APPLIED && length <= MAX_ANNOTATION_LENGTH,
  );
  return kept.length === all.size ? all : new Map(kept);
};

const owner = shape({
  kind: text,
  name: text,
  controller: optional(flag),
});

/** What every object carries. */
export const metadata = shape({
  name: text,
  namespace: text,
  uid: text,
  resourceVersion: text,
  generation: integer,
  creationTimestamp: time,
  deletionTimestamp: time,
  labels: mapOf(text),
  annotations,
  ownerReferences: listOf(owner),
});

export type Metadata = Decoded<typeof metadata>;
export type Owner = Decoded<typeof owner>;

/** Any object, as far as all are alike. */
export interface KubeObject {
  readonly metadata: Metadata;
}

/** `True`, `False` or `Unknown`, since when and why. */
export const condition = shape({
  type: text,
  status: text,
  reason: text,
  lastTransitionTime: time,
});

export type Condition = Decoded<typeof condition>;
