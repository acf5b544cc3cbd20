export type {
  BlockCopy,
  BlockFileInfo,
  BlockFiles,
  BlockHandle,
  BlockSink,
} from './block-files.ts';
export { BlockError, ByteReader } from './byte-reader.ts';
export { ByteWriter } from './byte-writer.ts';
export { BlockFaultError, MemoryBlockFiles } from './memory-block-files.ts';
