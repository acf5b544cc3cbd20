import { type Decode, type Decoded, integer, optional, shape, text, time } from '../decode.ts';
import { metadata } from './metadata.ts';

/** Anybody who may create events writes into them what he likes; the API itself takes a message of 1 KiB. */
function textUpTo(length: number): Decode<string> {
  return (value) => text(value).slice(0, length).toWellFormed();
}

const name = textUpTo(253);

/**
 * `v1` Event. The core API rather than `events.k8s.io/v1`: both show the same objects, but only here is the count of those
 * that say it in `count` (the kubelet's and the scheduler's) a field of its own beside that of `series`.
 */
export const event = shape({
  metadata,
  involvedObject: shape({
    kind: textUpTo(63),
    namespace: name,
    name,
    uid: textUpTo(128),
    fieldPath: textUpTo(512),
  }),
  reason: textUpTo(128),
  message: textUpTo(4_096),
  type: textUpTo(32),
  source: shape({ component: name, host: name }),
  reportingComponent: name,
  count: integer,
  firstTimestamp: time,
  lastTimestamp: time,
  eventTime: time,
  series: optional(shape({ count: integer, lastObservedTime: time })),
});

export type KubeEvent = Decoded<typeof event>;
