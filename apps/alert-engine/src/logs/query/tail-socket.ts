import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** A client that follows lines has nothing to say; longer messages end the connection. */
const MAX_INCOMING_BYTES = 4 * 1024;
const CLOSE_WITHIN_MS = 1_000;

const TEXT = 0x1;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;

/** Why a request cannot become a websocket, or null (RFC 6455, section 4.2.1). */
export function refuseHandshake(request: IncomingMessage): string | null {
  const { headers, method } = request;
  if (method !== 'GET') return 'a websocket begins with GET';
  if (headers['sec-websocket-version'] !== '13')
    return 'version 13 of the websocket protocol is spoken';
  const key = headers['sec-websocket-key'] ?? '';
  return /^[A-Za-z0-9+/]{22}==$/.test(key) ? null : 'the websocket key is missing or malformed';
}

/** The server's end of a websocket over which only texts go out (RFC 6455). */
export class TailSocket {
  readonly #socket: Duplex;
  #incoming = Buffer.alloc(0);
  #isClosing = false;
  /** Called once, when the connection is over. */
  onClose: () => void = () => {};

  /** Answers the handshake. @param request for which {@link refuseHandshake} has no objection */
  constructor(request: IncomingMessage, socket: Duplex, head: Buffer) {
    this.#socket = socket;
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}${GUID}`)
      .digest('base64');
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.onClose());
    socket.on('end', () => socket.end());
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    if (head.length > 0) this.#receive(head);
  }

  /** Bytes that the client has not taken yet. */
  get pendingBytes(): number {
    return this.#socket.writableLength;
  }

  get isOpen(): boolean {
    return !this.#isClosing && !this.#socket.destroyed;
  }

  send(text: string): void {
    if (this.isOpen) this.#write(TEXT, Buffer.from(text));
  }

  ping(): void {
    if (this.isOpen) this.#write(PING, Buffer.alloc(0));
  }

  /** @param code of RFC 6455, section 7.4; the reason is at most 123 bytes long */
  close(code: number, reason: string): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    const body = Buffer.alloc(2 + Math.min(123, Buffer.byteLength(reason)));
    body.writeUInt16BE(code);
    body.write(reason, 2);
    this.#write(CLOSE, body);
    this.#socket.end();
    // A client that does not close its end is not waited for.
    setTimeout(() => this.#socket.destroy(), CLOSE_WITHIN_MS).unref();
  }

  #write(opcode: number, body: Buffer): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    const { length } = body;
    const extra = length < 126 ? 0 : length < 65_536 ? 2 : 8;
    const head = Buffer.alloc(2 + extra);
    head[0] = 0x80 | opcode;
    head[1] = extra === 0 ? length : extra === 2 ? 126 : 127;
    if (extra === 2) head.writeUInt16BE(length, 2);
    if (extra === 8) head.writeBigUInt64BE(BigInt(length), 2);
    this.#socket.write(head);
    this.#socket.write(body);
  }

  #receive(chunk: Buffer): void {
    if (this.#isClosing) return;
    this.#incoming = Buffer.concat([this.#incoming, chunk]);
    for (;;) {
      const bytes = this.#incoming;
      if (bytes.length < 2) return;
      const opcode = bytes[0]! & 0x0f;
      const short = bytes[1]! & 0x7f;
      if ((bytes[1]! & 0x80) === 0) return this.close(1002, 'frames of clients are masked');
      if (short === 127) return this.close(1009, 'a message is too long');
      const start = short === 126 ? 4 : 2;
      if (bytes.length < start) return;
      const length = short === 126 ? bytes.readUInt16BE(2) : short;
      if (length > MAX_INCOMING_BYTES) return this.close(1009, 'a message is too long');
      if (bytes.length < start + 4 + length) return;
      const mask = bytes.subarray(start, start + 4);
      const body = Buffer.from(bytes.subarray(start + 4, start + 4 + length));
      for (let i = 0; i < length; i++) body[i] = body[i]! ^ mask[i & 3]!;
      this.#incoming = bytes.subarray(start + 4 + length);
      if (opcode === CLOSE) return this.close(1000, '');
      if (opcode === PING) this.#write(PONG, body.subarray(0, 125));
    }
  }
}
