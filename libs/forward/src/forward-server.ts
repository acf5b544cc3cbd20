import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { ForwardEntries } from './forward-entries.ts';
import { ForwardError } from './forward-error.ts';
import { isSameDigest, keyDigest, passwordDigest } from './handshake.ts';
import { MessageSplitter } from './message-splitter.ts';
import { MsgpackReader } from './msgpack-reader.ts';
import { MsgpackWriter } from './msgpack-writer.ts';

/** What a server wants of its clients. */
export interface ForwardServerOptions {
  readonly hostname: string;
  /** What client and server both know; null where nothing is asked for. */
  readonly sharedKey: string | null;
  /** Passwords by user, asked for together with the key; empty where any client that has the key may send. */
  readonly users: ReadonlyMap<string, string>;
  /** 16 random bytes each, new for each connection. */
  readonly nonce: Uint8Array;
  readonly authSalt: Uint8Array;
  /** Of one message, as it comes and unpacked. */
  readonly maxMessageBytes: number;
}

/** Records of one message; valid until the server is handed more bytes. */
export interface ForwardArrival {
  readonly tag: string;
  readonly entries: ForwardEntries;
  /** To be acknowledged once the records are safe; null where nothing waits for it. */
  readonly chunk: string | null;
  /** What the entries take, unpacked. */
  readonly byteCount: number;
}

/** What a connection is to do, or what has come over it. */
export type ForwardServerEvent =
  | { readonly kind: 'send'; readonly bytes: Buffer }
  /** The bytes tell the client why; then the connection is to be closed. */
  | { readonly kind: 'refused'; readonly bytes: Buffer; readonly reason: string }
  | { readonly kind: 'arrived'; readonly arrival: ForwardArrival };

/** Before a client has shown who it is. */
const MAX_PING_BYTES = 64 * 1024;
const MAX_TAG_BYTES = 1_024;
const MAX_CHUNK_BYTES = 1_024;
/** Clients say what travels in a chunk; 0 is logs, others are metrics and traces. */
const LOGS_SIGNAL = 0;

/**
 * The server's side of one connection: HELO, PING and PONG where a key is asked for, then messages of all four forms. It
 * is handed bytes and tells what they mean; an error means that the connection is of no use any more.
 */
export class ForwardServer {
  readonly #options: ForwardServerOptions;
  readonly #splitter: MessageSplitter;
  #state: 'ping' | 'ready' | 'refused';

  constructor(options: ForwardServerOptions) {
    this.#options = options;
    this.#splitter = new MessageSplitter(options.maxMessageBytes);
    this.#state = options.sharedKey === null ? 'ready' : 'ping';
  }

  /** Whether the client has shown who it is, or need not. */
  get isReady(): boolean {
    return this.#state === 'ready';
  }

  /** Bytes that are kept because their message is not complete. */
  get pendingBytes(): number {
    return this.#splitter.pendingBytes;
  }

  /** What is to be sent first; null for nothing. */
  greeting(): Buffer | null {
    const { sharedKey, users, nonce, authSalt } = this.#options;
    if (sharedKey === null) return null;
    const auth = users.size > 0 ? authSalt : '';
    return encoded(['HELO', { nonce, auth, keepalive: true }]);
  }

  /** Takes bytes the client has sent, and tells what they mean, as {@link events} does. @throws ForwardError */
  receive(bytes: Uint8Array): Generator<ForwardServerEvent, void, undefined> {
    this.#splitter.push(bytes);
    return this.events();
  }

  /**
   * What the bytes so far mean; each event is to be dealt with before the next is asked for. Whoever has enough may go on
   * later: what is not asked for is neither unpacked nor forgotten.
   * @throws ForwardError
   */
  *events(): Generator<ForwardServerEvent, void, undefined> {
    while (this.#state !== 'refused') {
      if (this.#state === 'ping' && this.#splitter.pendingBytes > MAX_PING_BYTES) {
        throw new ForwardError('the client sends before it has shown that it knows the key');
      }
      const message = this.#splitter.next();
      if (message === null) return;
      const event = this.#state === 'ping' ? this.#answerPing(message) : this.#understand(message);
      if (event !== null) yield event;
    }
  }

  #answerPing(message: Buffer): ForwardServerEvent {
    const reader = new MsgpackReader(message);
    reader.next();
    if (reader.kind !== 'array' || reader.count !== 6) throw new ForwardError('PING is missing');
    const parts: Buffer[] = [];
    for (let i = 0; i < 6; i++) {
      reader.next();
      if (!isBytes(reader)) throw new ForwardError(`a part of PING is a ${reader.kind}`);
      parts.push(message.subarray(reader.valueStart, reader.valueEnd));
    }
    const [what, clientName, , digest, user, proof] = parts.map((part) => part.toString());
    if (what !== 'PING') throw new ForwardError('PING is missing');
    const { hostname, sharedKey, nonce } = this.#options;
    const saltBytes = parts[2]!;
    const isKnown = isSameDigest(digest!, keyDigest(saltBytes, clientName!, nonce, sharedKey!));
    const refusal = !isKnown
      ? 'shared key mismatch'
      : this.#isUserKnown(user!, proof!)
        ? null
        : 'username/password mismatch';
    if (refusal !== null) {
      this.#state = 'refused';
      return { kind: 'refused', reason: refusal, bytes: encoded(['PONG', false, refusal, '', '']) };
    }
    this.#state = 'ready';
    const own = keyDigest(saltBytes, hostname, nonce, sharedKey!);
    return { kind: 'send', bytes: encoded(['PONG', true, '', hostname, own]) };
  }

  #isUserKnown(user: string, proof: string): boolean {
    const { users, authSalt } = this.#options;
    if (users.size === 0) return true;
    const password = users.get(user);
    // One that does not exist takes as long as one whose password is wrong.
    const expected = passwordDigest(authSalt, user, password ?? '');
    return isSameDigest(proof, expected) && password !== undefined;
  }

  /** @returns null for a heartbeat */
  #understand(message: Buffer): ForwardServerEvent | null {
    const reader = new MsgpackReader(message);
    reader.next();
    if (reader.kind === 'nil') return null;
    const { count } = reader;
    if (reader.kind !== 'array' || count < 2 || count > 4) {
      throw new ForwardError('a message is not an array of two to four values');
    }
    reader.next();
    if (!isBytes(reader)) throw new ForwardError('a message without a tag');
    if (reader.valueEnd - reader.valueStart > MAX_TAG_BYTES) {
      throw new ForwardError(`a tag of more than ${MAX_TAG_BYTES} bytes`);
    }
    const tag = reader.text();
    const start = reader.position;
    reader.next();
    if (isBytes(reader)) return this.#asPacked(message, tag, start, count);
    if (isArray(reader)) return this.#asArray(message, tag, start, count);
    return this.#asMessage(message, tag, start, count);
  }

  /** `[tag, time, record, options]` */
  #asMessage(message: Buffer, tag: string, start: number, count: number): ForwardServerEvent {
    const reader = new MsgpackReader(message, start);
    reader.skip();
    // A lone time in the last place has no record behind it.
    if (count < 3) throw new ForwardError('a message without a record');
    reader.skip();
    const end = reader.position;
    const { chunk } = optionsOf(reader, count - 3);
    const entries = new ForwardEntries(message, 'single', start, end);
    return arrived(tag, entries, chunk, end - start);
  }

  /** `[tag, [[time, record], …], options]` */
  #asArray(message: Buffer, tag: string, start: number, count: number): ForwardServerEvent {
    const reader = new MsgpackReader(message, start);
    reader.skip();
    const end = reader.position;
    const { chunk } = optionsOf(reader, count - 2);
    return arrived(tag, new ForwardEntries(message, 'array', start, end), chunk, end - start);
  }

  /** `[tag, entries, options]` */
  #asPacked(message: Buffer, tag: string, start: number, count: number): ForwardServerEvent {
    const reader = new MsgpackReader(message, start);
    reader.next();
    const packed = message.subarray(reader.valueStart, reader.valueEnd);
    const { chunk, compression } = optionsOf(reader, count - 2);
    const bytes = this.#unpack(packed, compression);
    return arrived(tag, new ForwardEntries(bytes, 'stream'), chunk, bytes.length);
  }

  #unpack(bytes: Buffer, compression: string): Buffer {
    if (compression === '' || compression === 'text') return bytes;
    const { maxMessageBytes: maxOutputLength } = this.#options;
    try {
      if (compression === 'gzip') return gunzipSync(bytes, { maxOutputLength });
      if (compression === 'zstd') return zstdDecompressSync(bytes, { maxOutputLength });
    } catch (error) {
      const hasCode = typeof error === 'object' && error !== null && 'code' in error;
      const code = hasCode ? String(error.code) : 'unknown';
      const reason =
        code === 'ERR_BUFFER_TOO_LARGE' ? `unpack to more than ${maxOutputLength} bytes` : code;
      throw new ForwardError(`entries cannot be unpacked: ${reason}`, { cause: error });
    }
    throw new ForwardError('unknown compression; accepted are text, gzip, zstd');
  }
}

/** `{ack: chunk}`, which tells a client that its records are safe. */
export function encodeAcknowledgement(chunk: string): Buffer {
  return encoded({ ack: chunk });
}

function arrived(
  tag: string,
  entries: ForwardEntries,
  chunk: string | null,
  byteCount: number,
): ForwardServerEvent {
  return { kind: 'arrived', arrival: { tag, entries, chunk, byteCount } };
}

/** What stands behind the entries: at most a map. */
function optionsOf(
  reader: MsgpackReader,
  count: number,
): { readonly chunk: string | null; readonly compression: string } {
  if (count < 0 || count > 1) throw new ForwardError('a message of too few or too many values');
  const options = count === 0 ? null : reader.readValue();
  if (options === null) return { chunk: null, compression: '' };
  if (typeof options !== 'object' || Array.isArray(options)) {
    throw new ForwardError('the options of a message are no map');
  }
  const {
    chunk,
    compressed,
    fluent_signal: signal,
  } = options as {
    readonly chunk?: unknown;
    readonly compressed?: unknown;
    readonly fluent_signal?: unknown;
  };
  if (signal !== undefined && signal !== LOGS_SIGNAL) {
    throw new ForwardError('the message has metrics or traces; accepted are logs');
  }
  const id = textOf(chunk);
  if (id !== null && id.length > MAX_CHUNK_BYTES) throw new ForwardError('an overlong chunk');
  return { chunk: id, compression: textOf(compressed) ?? '' };
}

/** Old clients write bytes as text. */
function isBytes({ kind }: MsgpackReader): boolean {
  return kind === 'text' || kind === 'binary';
}

function isArray({ kind }: MsgpackReader): boolean {
  return kind === 'array';
}

/** Old clients write text as bytes. */
function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  return Buffer.isBuffer(value) ? value.toString('utf8') : null;
}

function encoded(value: unknown): Buffer {
  const writer = new MsgpackWriter(512);
  writer.value(value);
  return Buffer.from(writer.written);
}
