import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from '@jest/globals';
import { untilPasses } from '../../../../../test/support/processes.ts';
import { refuseHandshake, TailSocket } from './tail-socket.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface Client {
  readonly socket: Duplex;
  /** What came and was not asked for yet. */
  received: Buffer;
}

/** Both ends of a connection behind its handshake. */
async function connect(): Promise<{ server: TailSocket; client: Client; accept: string }> {
  const http = createServer();
  const opened = Promise.withResolvers<TailSocket>();
  http.on('upgrade', (asked: IncomingMessage, socket: Duplex, head: Buffer) => {
    expect(refuseHandshake(asked)).toBeNull();
    opened.resolve(new TailSocket(asked, socket, head));
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  const asking = request({
    port,
    host: '127.0.0.1',
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': KEY,
    },
  });
  asking.end();
  const [response, socket] = (await once(asking, 'upgrade')) as [IncomingMessage, Duplex];
  const client: Client = { socket, received: Buffer.alloc(0) };
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    client.received = Buffer.concat([client.received, chunk]);
  });
  closers.push(() => {
    socket.destroy();
    http.close();
    http.closeAllConnections();
  });
  const accept = String(response.headers['sec-websocket-accept']);
  return { server: await opened.promise, client, accept };
}

/** A frame as a client sends it. */
function masked(opcode: number, body: Buffer): Buffer {
  const mask = Buffer.from([1, 2, 3, 4]);
  const hidden = Buffer.from(body);
  for (let i = 0; i < hidden.length; i++) hidden[i] = hidden[i]! ^ mask[i & 3]!;
  const length =
    body.length < 126 ? [0x80 | body.length] : [0x80 | 126, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.from([0x80 | opcode, ...length]), mask, hidden]);
}

/** The first bytes that the server sent, once there are so many; they are not given again. */
async function receive(client: Client, count: number): Promise<Buffer> {
  await untilPasses(() => expect(client.received.length).toBeGreaterThanOrEqual(count));
  const bytes = client.received.subarray(0, count);
  client.received = client.received.subarray(count);
  return bytes;
}

function refusal(headers: Record<string, string>, method = 'GET'): string | null {
  return refuseHandshake(Object.assign(Object.create(null), { headers, method }));
}

describe('TailSocket', () => {
  it('answers the handshake of the RFC', async () => {
    expect((await connect()).accept).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  });

  it.each([
    [5, 2],
    [300, 4],
    [70_000, 10],
  ])('sends a text of %d bytes behind %d bytes of a frame', async (length, head) => {
    const { server, client } = await connect();
    server.send('x'.repeat(length));
    const bytes = await receive(client, head + length);
    expect(bytes[0]).toBe(0x81);
    expect(bytes.subarray(head).toString()).toBe('x'.repeat(length));
  });

  it('answers a ping, however it is cut, and a close', async () => {
    const { server, client } = await connect();
    const closed = new Promise<void>((resolve) => {
      server.onClose = resolve;
    });
    for (const byte of masked(0x9, Buffer.from('are you there')))
      client.socket.write(Buffer.of(byte));
    expect((await receive(client, 15)).toString('latin1')).toBe('\u008a\rare you there');
    client.socket.write(masked(0x8, Buffer.from([3, 232])));
    expect([...(await receive(client, 4))]).toEqual([0x88, 2, 3, 232]);
    client.socket.end();
    await closed;
    expect(server.isOpen).toBe(false);
  });

  it.each([
    ['a frame that is not masked', Buffer.from([0x81, 1, 65]), 1002],
    ['a message that is too long', masked(0x1, Buffer.alloc(5_000)), 1009],
    ['a message of more than 64 KiB', Buffer.from([0x81, 0xff, 0, 0, 0, 0]), 1009],
  ])('closes at %s', async (_what, bytes, code) => {
    const { client } = await connect();
    client.socket.write(bytes);
    const answer = await receive(client, 4);
    expect([answer[0], answer.readUInt16BE(2)]).toEqual([0x88, code]);
  });

  it('tells what is no handshake', () => {
    const fine = { 'sec-websocket-version': '13', 'sec-websocket-key': KEY };
    expect(refusal(fine)).toBeNull();
    expect(refusal(fine, 'POST')).toContain('GET');
    expect(refusal({ ...fine, 'sec-websocket-version': '8' })).toContain('version 13');
    expect(refusal({ ...fine, 'sec-websocket-key': 'short' })).toContain('key');
  });
});
