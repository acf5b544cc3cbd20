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
import { shared, word } from '../shared.ts';

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
  kind: word,
  name: text,
  controller: optional(flag),
});

/** What every object carries. */
export const metadata = shape({
  name: text,
  namespace: word,
  uid: text,
  resourceVersion: text,
  generation: integer,
  creationTimestamp: time,
  deletionTimestamp: time,
  labels: shared(mapOf(text)),
  annotations: shared(annotations),
  ownerReferences: shared(listOf(owner)),
});

export type Metadata = Decoded<typeof metadata>;
export type Owner = Decoded<typeof owner>;

/** Any object, as far as all are alike. */
export interface KubeObject {
  readonly metadata: Metadata;
}

/** `True`, `False` or `Unknown`, since when and why. */
export const condition = shape({
  type: word,
  status: word,
  reason: word,
  lastTransitionTime: time,
});

export type Condition = Decoded<typeof condition>;
