export { type CheckpointFileFault, FileCheckpointStore } from './file-checkpoint-store.ts';
export {
  type FileChangeListener,
  type FileGroup,
  isAcceptedPattern,
  NodeLogFiles,
} from './node-log-files.ts';
