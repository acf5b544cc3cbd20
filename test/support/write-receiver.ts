import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { uncompressBlock, WriteV1Decoder } from '#libs/remote-write';
import { isStaleMarker } from '#libs/samples';

/** The receiver of remote write 1.0: it takes everything and knows the newest of each series. */
export class WriteReceiver {
  /** The newest value of each series, `stale` for one that has ended. */
  readonly latest = new Map<string, number | 'stale'>();
  readonly #decoder = new WriteV1Decoder();
  readonly #server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      this.#take(uncompressBlock(Buffer.concat(parts), 1 << 24));
      response.writeHead(204).end();
    });
  });

  static async start(): Promise<WriteReceiver> {
    const receiver = new WriteReceiver();
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/api/v1/write`;
  }

  /** The value of the one series whose text has all of `parts`. */
  valueOf(...parts: readonly string[]): number | 'stale' | undefined {
    return [...this.latest].find(([series]) => parts.every((part) => series.includes(part)))?.[1];
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #take(message: Buffer): void {
    const { batch } = this.#decoder.decode(message);
    batch.labels.forEach((labels, i) => {
      const at = batch.firstSample[i + 1]! - 1;
      const value = isStaleMarker(batch.values, at) ? 'stale' : batch.values[at]!;
      this.latest.set(labels.toString(), value);
    });
  }
}
