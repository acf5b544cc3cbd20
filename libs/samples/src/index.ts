export {
  type SampleBatch,
  SampleBatchBuilder,
  type SampleExemplar,
  type SeriesMetadata,
  type SeriesType,
} from './sample-batch.ts';
export { createSampleWindow, type SampleWindow } from './sample-window.ts';
export {
  isStaleMarker,
  STALE_MARKER,
  STALE_MARKER_HIGH,
  STALE_MARKER_LOW,
  writeStaleMarker,
} from './stale-marker.ts';
