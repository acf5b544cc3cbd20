export type {
  BlockCopy,
  BlockFileInfo,
  BlockFiles,
  BlockHandle,
  BlockSink,
} from './block-files.ts';
export {
  type BlockPart,
  CRC_BYTES,
  FOOTER_BYTES,
  framed,
  openFrame,
  readFooter,
  writeFooter,
} from './block-footer.ts';
export { BlockError, ByteReader } from './byte-reader.ts';
export { ByteWriter } from './byte-writer.ts';
export { BlockFaultError, MemoryBlockFiles } from './memory-block-files.ts';
