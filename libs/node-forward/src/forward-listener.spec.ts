import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { zstdCompressSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import { FluentClient, type FluentClientOptions } from '@fluent-org/logger';
import fluentLogger, { type Options as FluentLoggerOptions } from 'fluent-logger';
import { MsgpackReader, MsgpackWriter } from '#libs/forward';
import { ForwardListener, type ForwardListenerOptions } from './forward-listener.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const testdata = join(import.meta.dirname, '..', '..', 'node-delivery', 'testdata');
const cert = readFileSync(join(testdata, 'localhost.crt.pem'), 'utf8');
const key = readFileSync(join(testdata, 'localhost.key.pem'), 'utf8');
const SECRETS = { sharedKey: 'key', users: new Map([['ann', 'pw']]) };
const SECURITY = { clientHostname: 'app', sharedKey: 'key', username: 'ann', password: 'pw' };

interface Started {
  readonly port: number;
  /** `TAG {record}` */
  readonly records: string[];
  readonly log: string[];
  /** Lets what has arrived be safe, or not. */
  settle: (outcome: 'safe' | 'lost') => void;
}

async function start(
  over: Partial<ForwardListenerOptions> & { readonly isHeld?: boolean } = {},
): Promise<Started> {
  const { isHeld = false, ...rest } = over;
  const records: string[] = [];
  const log: string[] = [];
  const waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const listener = new ForwardListener(
    {
      host: '127.0.0.1',
      port: 0,
      hostname: 'node-1',
      secrets: { sharedKey: null, users: new Map() },
      tls: null,
      maxMessageBytes: 1024 * 1024,
      maxConnections: 10,
      idleMs: 60_000,
      take: async ({ tag, entries }) => {
        while (entries.next()) {
          const fields = entries.fields();
          const record: Record<string, unknown> = {};
          for (let i = 0; i < entries.fieldCount; i++) {
            record[String(fields.readValue())] = fields.readValue();
          }
          records.push(`${tag} ${JSON.stringify(record)}`);
        }
        if (!isHeld) return;
        await new Promise<void>((resolve, reject) => waiting.push({ resolve, reject }));
      },
      ...rest,
    },
    {
      refused: (why) => log.push(why),
      denied: (_address, reason) => log.push(`denied: ${reason}`),
      connections: () => {},
      failed: (error) => log.push(String(error)),
    },
  );
  const { port } = await listener.listen();
  closers.push(() => listener.close());
  return {
    port,
    records,
    log,
    settle: (outcome) => {
      for (const { resolve, reject } of waiting.splice(0)) {
        if (outcome === 'safe') resolve();
        else reject(new Error('no room'));
      }
    },
  };
}

async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(10)) if (holds()) return;
  throw new Error('it did not come to that within 60 s');
}

function client(options: FluentClientOptions): FluentClient {
  const made = new FluentClient('app', options);
  closers.push(() => made.disconnect().catch(() => {}));
  return made;
}

function logger(options: FluentLoggerOptions): ReturnType<typeof fluentLogger.createFluentSender> {
  const made = fluentLogger.createFluentSender('app', {
    host: '127.0.0.1',
    reconnectInterval: 50,
    ...options,
    internalLogger: { ...console, info: () => {}, error: () => {} },
  });
  closers.push(() => new Promise((resolve) => made.end('end', {}, resolve)));
  return made;
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  closers.push(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

function encode(value: unknown): Buffer {
  const writer = new MsgpackWriter();
  writer.value(value);
  return Buffer.from(writer.written);
}

describe('a forward listener', () => {
  it.each(['Message', 'Forward', 'PackedForward', 'CompressedPackedForward'] as const)(
    'takes and acknowledges what @fluent-org/logger sends as %s',
    async (eventMode) => {
      const { port, records, log } = await start();
      const sender = client({ eventMode, socket: { port }, ack: {}, flushInterval: 10 });
      await Promise.all([sender.emit('a', { n: 1 }), sender.emit('b', { n: 2 })]);
      expect(records.toSorted()).toEqual(['app.a {"n":1}', 'app.b {"n":2}']);
      expect(log).toEqual([]);
    },
  );

  it.each(['Message', 'PackedForward', 'CompressedPackedForward'] as const)(
    'takes and acknowledges what fluent-logger sends as %s',
    async (eventMode) => {
      const { port, records, log } = await start();
      const sender = logger({ port, eventMode, requireAckResponse: true, flushInterval: 10 });
      await new Promise<void>((resolve, reject) =>
        sender.emit('a', { n: 1 }, (error?: Error) => (error ? reject(error) : resolve())),
      );
      await until(() => records.length === 1);
      expect(records).toEqual(['app.a {"n":1}']);
      expect(log).toEqual([]);
    },
  );

  it('acknowledges only what is safe', async () => {
    const { port, records, settle } = await start({ isHeld: true });
    const sender = client({ socket: { port }, ack: { ackTimeout: 60_000 } });
    let isAcknowledged = false;
    const sending = sender.emit('a', { n: 1 }).then(() => (isAcknowledged = true));
    await until(() => records.length === 1);
    expect(isAcknowledged).toBe(false);
    settle('safe');
    await sending;
  });

  it('ends the connection without an acknowledgement where records could not be kept', async () => {
    const { port, records, settle } = await start({ isHeld: true });
    const socket = await open(port);
    const received: Buffer[] = [];
    socket.on('data', (bytes: Buffer) => received.push(bytes));
    socket.write(encode(['t', 5, { n: 1 }, { chunk: 'c' }]));
    await until(() => records.length === 1);
    settle('lost');
    await once(socket, 'close');
    expect(Buffer.concat(received)).toHaveLength(0);
  });

  it('asks both clients for key, user and password', async () => {
    const { port, records } = await start({ secrets: SECRETS });
    const sender = client({ socket: { port }, security: SECURITY, ack: {} });
    await sender.emit('a', { n: 1 });
    const other = logger({ port, security: SECURITY, requireAckResponse: true });
    await new Promise((resolve) => other.emit('b', { n: 2 }, resolve));
    await until(() => records.length === 2);
    expect(records).toEqual(['app.a {"n":1}', 'app.b {"n":2}']);
  });

  it.each([
    ['a wrong key', { ...SECURITY, sharedKey: 'no' }, 'denied: shared key mismatch'],
    ['a wrong password', { ...SECURITY, password: 'no' }, 'denied: username/password mismatch'],
  ])('turns away %s', async (_name, security, reason) => {
    const { port, records, log } = await start({ secrets: SECRETS });
    const sender = client({ socket: { port }, security });
    sender.emit('a', { n: 1 }).catch(() => {});
    await until(() => log.includes(reason));
    expect(records).toEqual([]);
  });

  it('speaks TLS', async () => {
    const { port, records } = await start({ tls: async () => ({ cert, key, clientCa: null }) });
    const sender = client({
      socket: { host: 'localhost', port, tls: { ca: cert } },
      ack: {},
    });
    await sender.emit('a', { n: 1 });
    expect(records).toEqual(['app.a {"n":1}']);
  });

  it('ends connections that send something else, and takes what others send', async () => {
    const { port, records, log } = await start();
    for (const bytes of [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.from([0xc1]),
      encode(['t', [[5]]]),
    ]) {
      const socket = await open(port);
      socket.write(bytes);
      await once(socket, 'close');
    }
    expect(log).toEqual(['protocol', 'protocol', 'protocol']);
    await client({ socket: { port }, ack: {} }).emit('a', { n: 1 });
    expect(records).toEqual(['app.a {"n":1}']);
  });

  it('takes so many connections and no more', async () => {
    const { port, log } = await start({ maxConnections: 2 });
    await open(port);
    await open(port);
    const third = await open(port);
    await once(third, 'close');
    expect(log).toEqual(['too_many_connections']);
  });

  it('reads no further while much is not safe', async () => {
    const { port, records, settle } = await start({ isHeld: true });
    const socket = await open(port);
    const message = encode(['t', 5, { text: 'x'.repeat(900_000) }]);
    let written = 0;
    const writing = (async (): Promise<void> => {
      for (; written < 40; written++) {
        if (!socket.write(message)) await once(socket, 'drain');
      }
    })();
    await until(() => records.length >= 4);
    // What the system buffers apart, only some have come in.
    expect(records.length).toBeLessThan(20);
    const settling = setInterval(() => settle('safe'), 5);
    closers.push(() => clearInterval(settling));
    await writing;
    await until(() => records.length === 40);
  });

  it('unpacks no further while much is not safe', async () => {
    const { port, records, settle } = await start({ isHeld: true });
    const socket = await open(port);
    const entry = encode([5, { text: 'x'.repeat(900_000) }]);
    const message = encode(['t', zstdCompressSync(entry), { compressed: 'zstd' }]);
    const all = Buffer.concat(Array.from({ length: 40 }, () => message));
    // All of them come in together.
    expect(all.length).toBeLessThan(16_384);
    socket.end(all);
    await until(() => records.length >= 4);
    expect(records.length).toBeLessThan(20);
    const settling = setInterval(() => settle('safe'), 5);
    closers.push(() => clearInterval(settling));
    await until(() => records.length === 40);
  });

  it('answers a chunk that is sent in a message of bytes', async () => {
    const { port } = await start();
    const socket = await open(port);
    socket.write(encode(['t', 5, {}, { chunk: Buffer.from('c') }]));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(new MsgpackReader(answer).readValue()).toEqual({ ack: 'c' });
  });
});
