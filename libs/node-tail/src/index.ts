export { FileCheckpointStore } from './file-checkpoint-store.ts';
export { type FileGroup, isAcceptedPattern, NodeLogFiles } from './node-log-files.ts';
