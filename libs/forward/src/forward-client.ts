import { ForwardError } from './forward-error.ts';
import { isSameDigest, keyDigest, passwordDigest } from './handshake.ts';
import { MessageSplitter } from './message-splitter.ts';
import { MsgpackReader } from './msgpack-reader.ts';
import { MsgpackWriter } from './msgpack-writer.ts';

/** How a client makes itself known. */
export interface ForwardClientOptions {
  readonly hostname: string;
  /** What client and server both know; null where servers ask for nothing. */
  readonly sharedKey: string | null;
  /** For servers that want to know a user as well. */
  readonly user: { readonly name: string; readonly password: string } | null;
  /** 16 random bytes, new for each connection. */
  readonly salt: Uint8Array;
}

/** What a connection is to do, or what has come over it. */
export type ForwardClientEvent =
  | { readonly kind: 'send'; readonly bytes: Buffer }
  | { readonly kind: 'ready' }
  | { readonly kind: 'acknowledged'; readonly chunk: string };

/** Answers are some dozens of bytes; no server needs more. */
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * The client's side of one connection: with a shared key HELO, PING and PONG, then acknowledgements. It is handed bytes
 * and tells what they mean; an error means that the connection is of no use any more.
 */
export class ForwardClient {
  readonly #options: ForwardClientOptions;
  readonly #splitter = new MessageSplitter(MAX_ANSWER_BYTES);
  #state: 'helo' | 'pong' | 'ready';
  #nonce: Uint8Array = Buffer.alloc(0);

  constructor(options: ForwardClientOptions) {
    this.#options = options;
    this.#state = options.sharedKey === null ? 'ready' : 'helo';
  }

  /** Whether messages may be sent. */
  get isReady(): boolean {
    return this.#state === 'ready';
  }

  /** Takes bytes the server has sent. @throws ForwardError */
  receive(bytes: Uint8Array): ForwardClientEvent[] {
    const events: ForwardClientEvent[] = [];
    this.#splitter.push(bytes);
    for (;;) {
      const message = this.#splitter.next();
      if (message === null) return events;
      events.push(this.#understand(new MsgpackReader(message).readValue()));
    }
  }

  #understand(message: unknown): ForwardClientEvent {
    if (Array.isArray(message)) {
      if (message[0] === 'HELO') return this.#answerHelo(message[1]);
      if (message[0] === 'PONG') return this.#checkPong(message);
    } else if (isMap(message) && typeof message['ack'] === 'string') {
      if (this.#state === 'ready') return { kind: 'acknowledged', chunk: message['ack'] };
    }
    throw new ForwardError('the server’s answer is not of the forward protocol');
  }

  #answerHelo(options: unknown): ForwardClientEvent {
    const { sharedKey, hostname, salt, user } = this.#options;
    if (sharedKey === null) throw new ForwardError('the server asks for a shared key');
    if (this.#state !== 'helo') throw new ForwardError('the server said HELO twice');
    const { nonce, auth } = isMap(options) ? options : {};
    this.#nonce = toBytes(nonce);
    const authSalt = toBytes(auth);
    if (authSalt.length > 0 && user === null) {
      throw new ForwardError('the server asks for a user and password');
    }
    const writer = new MsgpackWriter(512);
    writer.value([
      'PING',
      hostname,
      salt,
      keyDigest(salt, hostname, this.#nonce, sharedKey),
      authSalt.length > 0 ? user!.name : '',
      authSalt.length > 0 ? passwordDigest(authSalt, user!.name, user!.password) : '',
    ]);
    this.#state = 'pong';
    return { kind: 'send', bytes: writer.written };
  }

  #checkPong(message: readonly unknown[]): ForwardClientEvent {
    if (this.#state !== 'pong') throw new ForwardError('the server said PONG unasked');
    const [, isAccepted, reason, serverName, digest] = message;
    if (isAccepted !== true) {
      const said = typeof reason === 'string' ? reason.slice(0, 200) : 'no reason given';
      throw new ForwardError(`the server refused the shared key or user: ${said}`);
    }
    const { salt, sharedKey } = this.#options;
    const expected =
      typeof serverName === 'string' ? keyDigest(salt, serverName, this.#nonce, sharedKey!) : '';
    if (typeof digest !== 'string' || !isSameDigest(digest, expected)) {
      throw new ForwardError('the server does not know the shared key');
    }
    this.#state = 'ready';
    return { kind: 'ready' };
  }
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Old servers write bytes as text. */
function toBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  return typeof value === 'string' ? Buffer.from(value, 'latin1') : Buffer.alloc(0);
}
