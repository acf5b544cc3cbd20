import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageSplitter, MsgpackReader, MsgpackWriter } from '#libs/forward';
import { freePort } from '../support/processes.ts';

/** How a server behaves: it takes and acknowledges, takes and says nothing, or acknowledges a byte at a time. */
export type SinkMood = 'well' | 'silent' | 'dripping';

/** A server of the forward protocol that keeps how often each message was acknowledged, or came without that. */
export class NumberedSink {
  readonly acknowledged = new Map<string, number>();
  mood: SinkMood = 'well';
  port = 0;
  #server: Server | null = null;
  readonly #sockets = new Set<Socket>();

  /** Listens, on the same port as before, which nobody else is given meanwhile. */
  async listen(): Promise<void> {
    const server = createServer((socket) => this.#serve(socket));
    this.#server = server;
    if (this.port === 0) this.port = await freePort();
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
  }

  /** Goes away in the middle of everything. */
  async goAway(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    for (const socket of this.#sockets) socket.destroy();
    if (server === null) return;
    server.close();
    await once(server, 'close');
  }

  /** Which of the expected messages were never acknowledged. */
  missing(expected: readonly string[]): string[] {
    return expected.filter((message) => !this.acknowledged.has(message));
  }

  /** Messages that were acknowledged more than once. */
  doubled(): string[] {
    return [...this.acknowledged].filter(([, count]) => count > 1).map(([message]) => message);
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    const splitter = new MessageSplitter(64 * 1024 * 1024);
    let last: Promise<void> = Promise.resolve();
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('data', (piece: Buffer) => {
      splitter.push(piece);
      for (let message = splitter.next(); message !== null; message = splitter.next()) {
        const [, entries, options] = new MsgpackReader(message).readValue() as [
          string,
          Buffer,
          { chunk: string },
        ];
        if (this.mood === 'silent') continue;
        last = last.then(() => this.#acknowledge(socket, Buffer.from(entries), options.chunk));
      }
    });
  }

  async #acknowledge(socket: Socket, entries: Buffer, chunk: string): Promise<void> {
    const answer = new MsgpackWriter(64);
    answer.value({ ack: chunk });
    const bytes = answer.written;
    if (this.mood === 'dripping') {
      for (const byte of bytes.subarray(0, -1)) {
        socket.write(Buffer.of(byte));
        await sleep(1);
      }
      socket.write(bytes.subarray(-1));
    } else socket.write(bytes);
    if (socket.destroyed) return;
    const reader = new MsgpackReader(entries);
    while (!reader.isAtEnd) {
      const [, { message }] = reader.readValue() as [unknown, { message: string }];
      this.acknowledged.set(message, (this.acknowledged.get(message) ?? 0) + 1);
    }
  }
}
