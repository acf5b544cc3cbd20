import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/** Stands between a client and a server on loopback, and can be a bad network. */
export class TcpProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #mode: 'passing' | 'silent' | 'cut' = 'passing';
  /** Bytes from the client that were passed on. */
  passedBytes = 0;

  private constructor(targetPort: number) {
    this.#server = createServer((client) => {
      if (this.#mode === 'cut') {
        client.resetAndDestroy();
        return;
      }
      const server = connect(targetPort, '127.0.0.1');
      this.#join(client, server);
      this.#join(server, client);
      client.on('data', (bytes) => {
        this.passedBytes += bytes.length;
      });
    });
  }

  static async start(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
    return (this.#server.address() as AddressInfo).port;
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on('error', () => {});
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    from.on('data', (bytes) => {
      if (this.#mode === 'passing') to.write(bytes);
    });
  }

  /** Resets every connection and all that come. */
  cut(): void {
    this.#mode = 'cut';
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Takes everything and passes nothing on, as a firewall does that drops packets. */
  fallSilent(): void {
    this.#mode = 'silent';
  }

  /** Connections that come from now on are served; those that were there are gone. */
  mend(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#mode = 'passing';
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
