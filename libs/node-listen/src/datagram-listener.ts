import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { BoundAddress, ListenAt } from './listen-at.ts';
import { ListenError } from './listen-error.ts';

export interface DatagramListenerOptions extends ListenAt {
  /** What the system keeps of what was not read yet; it may give less. */
  readonly receiveBufferBytes: number;
  /** Called for each datagram; the bytes are the callee's. */
  readonly received: (bytes: Buffer, remoteAddress: string) => void;
  readonly failed: (error: Error) => void;
}

/** Datagrams that arrive at an address. Nobody who sends one learns what became of it. */
export class DatagramListener {
  readonly #options: DatagramListenerOptions;
  #socket: Socket | null = null;

  constructor(options: DatagramListenerOptions) {
    this.#options = options;
  }

  /** @throws ListenError */
  async listen(): Promise<BoundAddress> {
    const { host, port, receiveBufferBytes, received, failed } = this.#options;
    const socket = createSocket({
      type: isIPv6(host) ? 'udp6' : 'udp4',
      recvBufferSize: receiveBufferBytes,
    });
    this.#socket = socket;
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (error) => reject(new ListenError({ host, port }, error)));
      socket.bind({ address: host, port, exclusive: true }, resolve);
    }).catch((error: unknown) => {
      socket.close();
      this.#socket = null;
      throw error;
    });
    socket.removeAllListeners('error');
    socket.on('error', failed);
    socket.on('message', (bytes, { address }) => received(bytes, address));
    return { host, port: socket.address().port };
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  }
}
