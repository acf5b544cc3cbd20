import {
  type Decoded,
  flag,
  integer,
  integerOrText,
  listOf,
  mapOf,
  optional,
  shape,
  text,
} from '../decode.ts';
import { condition, metadata } from './metadata.ts';

/** `v1` PersistentVolume. */
export const persistentVolume = shape({
  metadata,
  spec: shape({
    capacity: mapOf(integerOrText),
    accessModes: listOf(text),
    storageClassName: text,
    volumeMode: text,
    persistentVolumeReclaimPolicy: text,
    claimRef: optional(shape({ namespace: text, name: text })),
    gcePersistentDisk: optional(shape({ pdName: text })),
    awsElasticBlockStore: optional(shape({ volumeID: text })),
    azureDisk: optional(shape({ diskName: text })),
    fc: optional(shape({ targetWWNs: listOf(text), lun: optional(integer), wwids: listOf(text) })),
    iscsi: optional(
      shape({ targetPortal: text, iqn: text, lun: integer, initiatorName: optional(text) }),
    ),
    nfs: optional(shape({ server: text, path: text, readOnly: flag })),
    csi: optional(shape({ driver: text, volumeHandle: text, volumeAttributes: mapOf(text) })),
    local: optional(shape({ path: text, fsType: text })),
    hostPath: optional(shape({ path: text, type: text })),
  }),
  status: shape({ phase: text }),
});

/** `v1` PersistentVolumeClaim. */
export const persistentVolumeClaim = shape({
  metadata,
  spec: shape({
    accessModes: listOf(text),
    storageClassName: optional(text),
    volumeName: text,
    volumeMode: text,
    resources: shape({ requests: mapOf(integerOrText) }),
  }),
  status: shape({ phase: text, conditions: listOf(condition) }),
});

export type PersistentVolume = Decoded<typeof persistentVolume>;
export type PersistentVolumeClaim = Decoded<typeof persistentVolumeClaim>;
