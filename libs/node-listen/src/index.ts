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
} from './stream-listener.ts';
export {
  type PostAnswer,
  PostListener,
  type PostListenerOptions,
  type PostRequest,
} from './post-listener.ts';
export type { StreamTls } from './stream-tls.ts';
