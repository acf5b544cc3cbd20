export { type EncodedEntries, type EntryAttributes, EntryEncoder } from './entry-encoder.ts';
export {
  ForwardClient,
  type ForwardClientEvent,
  type ForwardClientOptions,
} from './forward-client.ts';
export { type EntriesForm, ForwardEntries } from './forward-entries.ts';
export { ForwardError } from './forward-error.ts';
export { encodeForwardMessage, type ForwardMessage } from './forward-message.ts';
export {
  encodeAcknowledgement,
  type ForwardArrival,
  ForwardServer,
  type ForwardServerEvent,
  type ForwardServerOptions,
} from './forward-server.ts';
export { isSameDigest, keyDigest, passwordDigest } from './handshake.ts';
export { MessageSplitter } from './message-splitter.ts';
export { type MsgpackExtension, type MsgpackKind, MsgpackReader } from './msgpack-reader.ts';
export { MsgpackWriter } from './msgpack-writer.ts';
