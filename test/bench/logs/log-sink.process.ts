// A server of the forward protocol that acknowledges and counts, as cheaply as that can be done: it looks at the head and
// the options of a message, never at its entries. Tells its parent the port, and what it has when it is asked.
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { MessageSplitter, MsgpackReader, MsgpackWriter } from '#libs/forward';

const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** What has arrived; times are those of `Date.now()`, 0 before anything came. */
export interface SinkReport {
  readonly records: number;
  readonly bytes: number;
  readonly messages: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

let records = 0;
let bytes = 0;
let messages = 0;
let firstMs = 0;
let lastMs = 0;

const server = createServer((socket) => {
  const splitter = new MessageSplitter(MAX_MESSAGE_BYTES);
  socket.on('error', () => socket.destroy());
  socket.on('data', (piece: Buffer) => {
    firstMs ||= Date.now();
    bytes += piece.length;
    splitter.push(piece);
    for (let message = splitter.next(); message !== null; message = splitter.next()) {
      const reader = new MsgpackReader(message);
      reader.next();
      reader.skip();
      reader.skip();
      const { size, chunk } = reader.readValue() as { size: number; chunk: string };
      records += size;
      messages++;
      lastMs = Date.now();
      const answer = new MsgpackWriter(64);
      answer.value({ ack: chunk });
      socket.write(answer.written);
    }
  });
});
process.on('message', () => {
  process.send!({ records, bytes, messages, firstMs, lastMs } satisfies SinkReport);
});
process.on('disconnect', () => process.exit());
server.listen(0, '127.0.0.1', () => {
  process.send!({ port: (server.address() as AddressInfo).port });
});
