import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A remote-write receiver that takes everything and looks at nothing. */
export class WriteSink {
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1/write`;
  }

  static async start(): Promise<WriteSink> {
    const server = createServer((request, response) => {
      request.resume().once('end', () => response.writeHead(204).end());
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return new WriteSink(server);
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
