import type { Metadata } from '../objects/metadata.ts';
import type { PersistentVolume, PersistentVolumeClaim } from '../objects/storage.ts';
import { parseQuantity } from '../quantity.ts';
import type { StateWriter } from './state-writer.ts';

const VOLUME_PHASES = ['Pending', 'Available', 'Bound', 'Released', 'Failed'];
const CLAIM_PHASES = ['Lost', 'Bound', 'Pending'];
/** Where the class stood before it had a field. */
const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';

/** kube-state-metrics' series of a persistent volume. */
export function addPersistentVolumeState(
  writer: StateWriter,
  { metadata, spec, status }: PersistentVolume,
): void {
  const { claimRef, fc, iscsi } = spec;
  if (claimRef !== null) {
    writer.add(
      'kube_persistentvolume_claim_ref',
      1,
      ['name', claimRef.name],
      ['claim_namespace', claimRef.namespace],
    );
  }
  writer.addChoice('kube_persistentvolume_status_phase', 'phase', VOLUME_PHASES, status.phase);
  writer.add(
    'kube_persistentvolume_info',
    1,
    ['storageclass', spec.storageClassName],
    ['gce_persistent_disk_name', spec.gcePersistentDisk?.pdName ?? ''],
    ['ebs_volume_id', spec.awsElasticBlockStore?.volumeID ?? ''],
    ['azure_disk_name', spec.azureDisk?.diskName ?? ''],
    ['fc_wwids', fc?.wwids.join(',') ?? ''],
    ['fc_lun', fc?.lun?.toString() ?? ''],
    ['fc_target_wwns', fc?.targetWWNs.join(',') ?? ''],
    ['iscsi_target_portal', iscsi?.targetPortal ?? ''],
    ['iscsi_iqn', iscsi?.iqn ?? ''],
    ['iscsi_lun', iscsi?.lun.toString() ?? ''],
    ['iscsi_initiator_name', iscsi?.initiatorName ?? ''],
    ['nfs_server', spec.nfs?.server ?? ''],
    ['nfs_path', spec.nfs?.path ?? ''],
    ['csi_driver', spec.csi?.driver ?? ''],
    ['csi_volume_handle', spec.csi?.volumeHandle ?? ''],
    ['local_path', spec.local?.path ?? ''],
    ['local_fs', spec.local?.fsType ?? ''],
    ['host_path', spec.hostPath?.path ?? ''],
    ['host_path_type', spec.hostPath?.type ?? ''],
    ['reclaim_policy', spec.persistentVolumeReclaimPolicy],
  );
  const capacity = spec.capacity.get('storage');
  writer.add('kube_persistentvolume_capacity_bytes', parseQuantity(capacity ?? '0'));
  addTimes(writer, 'kube_persistentvolume', metadata);
  writer.add('kube_persistentvolume_volume_mode', 1, [
    'volumemode',
    spec.volumeMode === '' ? 'Filesystem' : spec.volumeMode,
  ]);
  for (const mode of spec.accessModes) {
    writer.add('kube_persistentvolume_access_mode', 1, ['access_mode', mode]);
  }
}

/** What kube-state-metrics shows when it is asked to. */
export function addOptInPersistentVolumeState(
  writer: StateWriter,
  { spec }: PersistentVolume,
): void {
  if (spec.csi === null) return;
  const attributes = spec.csi.volumeAttributes;
  writer.add(
    'kube_persistentvolume_csi_attributes',
    1,
    ['csi_mounter', attributes.get('mounter') ?? ''],
    ['csi_map_options', attributes.get('mapOptions') ?? ''],
  );
}

/** kube-state-metrics' series of a claim. */
export function addPersistentVolumeClaimState(
  writer: StateWriter,
  { metadata, spec, status }: PersistentVolumeClaim,
): void {
  writer.add(
    'kube_persistentvolumeclaim_info',
    1,
    [
      'storageclass',
      metadata.annotations.get(CLASS_ANNOTATION) ?? spec.storageClassName ?? '<none>',
    ],
    ['volumename', spec.volumeName],
    ['volumemode', spec.volumeMode],
  );
  writer.addChoice('kube_persistentvolumeclaim_status_phase', 'phase', CLAIM_PHASES, status.phase);
  const requested = spec.resources.requests.get('storage');
  if (requested !== undefined) {
    const name = 'kube_persistentvolumeclaim_resource_requests_storage_bytes';
    writer.add(name, parseQuantity(requested));
  }
  for (const mode of spec.accessModes) {
    writer.add('kube_persistentvolumeclaim_access_mode', 1, ['access_mode', mode]);
  }
  writer.addConditions('kube_persistentvolumeclaim_status_condition', status.conditions);
  addTimes(writer, 'kube_persistentvolumeclaim', metadata);
}

function addTimes(writer: StateWriter, prefix: string, metadata: Metadata): void {
  writer.addTime(`${prefix}_created`, metadata.creationTimestamp);
  writer.addTime(`${prefix}_deletion_timestamp`, metadata.deletionTimestamp);
}
