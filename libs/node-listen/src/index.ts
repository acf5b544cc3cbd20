export { DatagramListener, type DatagramListenerOptions } from './datagram-listener.ts';
export type { BoundAddress, ListenAt } from './listen-at.ts';
export { ListenError } from './listen-error.ts';
export {
  type StreamConnection,
  type StreamHandler,
  StreamListener,
  type StreamListenerEvents,
  type StreamListenerOptions,
  type StreamRefusal,
  type StreamTls,
} from './stream-listener.ts';
