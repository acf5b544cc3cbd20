import { readFileSync } from 'node:fs';
import { createServer, type Server, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { FluentServer } from '@fluent-org/logger';
import { MsgpackWriter } from '#libs/forward';
import { ForwardSender, type ForwardSenderOptions } from './forward-sender.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

interface Received {
  readonly server: FluentServer;
  readonly port: number;
  readonly messages: string[];
}

async function startFluentd(options: object = {}): Promise<Received> {
  const server = new FluentServer({ listenOptions: { port: 0, host: '127.0.0.1' }, ...options });
  const messages: string[] = [];
  server.on('entry', (tag: string, time: { epoch: number; nano: number }, record: object) => {
    messages.push(`${tag} ${time.epoch}.${time.nano} ${JSON.stringify(record)}`);
  });
  await server.listen();
  let isOpen = true;
  const close = server.close.bind(server);
  server.close = async (): Promise<void> => {
    if (isOpen) await close();
    isOpen = false;
  };
  closers.push(() => server.close());
  return { server, port: server.port!, messages };
}

/** What each connection is to meet with. */
async function startServer(onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function createSender(
  ports: readonly number[],
  over: Partial<ForwardSenderOptions> = {},
  credentials: object = {},
): { sender: ForwardSender; log: string[] } {
  const log: string[] = [];
  const sender = new ForwardSender(
    {
      servers: ports.map((port) => ({ host: '127.0.0.1', port })),
      hostname: 'node-1',
      isCompressed: false,
      timeoutMs: 60_000,
      credentials: () =>
        Promise.resolve({ sharedKey: null, user: null, tls: null, ...credentials }),
      ...over,
    },
    {
      connected: ({ port }) => log.push(`connected ${ports.indexOf(port)}`),
      failed: ({ port }) => log.push(`failed ${ports.indexOf(port)}`),
    },
  );
  closers.push(() => sender.close());
  return { sender, log };
}

function entry(message: string): Uint8Array {
  const writer = new MsgpackWriter();
  writer.arrayHeader(2);
  writer.eventTime(7, 9);
  writer.value({ message });
  return Buffer.from(writer.written);
}

function delivery(...messages: string[]): { tag: string; entries: Uint8Array[]; count: number } {
  return { tag: 'app', entries: messages.map(entry), count: messages.length };
}

const line = (message: string): string => `app 7.9 {"message":"${message}"}`;

describe('deliveries to Fluentd', () => {
  it.each([false, true])(
    'are acknowledged, several at a time; compressed: %s',
    async (isCompressed) => {
      const { port, messages } = await startFluentd();
      const { sender, log } = createSender([port], { isCompressed });
      await Promise.all([
        sender.send(delivery('one', 'two')),
        sender.send(delivery('three')),
        sender.send(delivery('x'.repeat(100_000))),
      ]);
      expect(messages).toEqual([
        line('one'),
        line('two'),
        line('three'),
        line('x'.repeat(100_000)),
      ]);
      expect(log).toEqual(['connected 0']);
    },
  );

  it('get through with shared key, user and password, and not without', async () => {
    const security = {
      serverHostname: 'server',
      sharedKey: 'secret',
      authorize: true,
      userDict: { shop: 'pass' },
    };
    const { port, messages } = await startFluentd({ security });
    const user = { name: 'shop', password: 'pass' };
    const right = createSender([port], {}, { sharedKey: 'secret', user });
    await right.sender.send(delivery('one'));
    expect(messages).toEqual([line('one')]);
    const wrongKey = createSender([port], {}, { sharedKey: 'wrong', user });
    await expect(wrongKey.sender.send(delivery('two'))).rejects.toThrow('refused');
    const wrongUser = createSender(
      [port],
      {},
      {
        sharedKey: 'secret',
        user: { name: 'shop', password: 'wrong' },
      },
    );
    await expect(wrongUser.sender.send(delivery('two'))).rejects.toThrow('refused');
    const none = createSender([port]);
    await expect(none.sender.send(delivery('two'))).rejects.toThrow('asks for a shared key');
    expect(messages).toEqual([line('one')]);
  });

  it('go over TLS, to a server that is who it should be', async () => {
    const testdata = join(import.meta.dirname, '..', '..', 'node-delivery', 'testdata');
    const pem = readFileSync(join(testdata, 'localhost.crt.pem'), 'utf8');
    const { port, messages } = await startFluentd({
      tlsOptions: { key: readFileSync(join(testdata, 'localhost.key.pem')), cert: pem },
    });
    const good = createSender([port], {}, { tls: { ca: pem, servername: 'localhost' } });
    await good.sender.send(delivery('one'));
    expect(messages).toEqual([line('one')]);
    const other = createSender([port], {}, { tls: { ca: pem, servername: 'other.test' } });
    await expect(other.sender.send(delivery('two'))).rejects.toThrow('other.test');
    const unknown = createSender([port], {}, { tls: { servername: 'localhost' } });
    await expect(unknown.sender.send(delivery('two'))).rejects.toThrow('self-signed');
  });

  it('go to the next server when one is away, and back after a while', async () => {
    const gone = await startFluentd();
    await gone.server.close();
    const second = await startFluentd();
    const { sender, log } = createSender([gone.port, second.port], { recoverMs: 0 });
    await sender.send(delivery('one'));
    expect(second.messages).toEqual([line('one')]);
    expect(log).toEqual(['failed 0', 'connected 1']);
    const back = await startFluentd({ listenOptions: { port: gone.port, host: '127.0.0.1' } });
    await sender.send(delivery('two'));
    expect(back.messages).toEqual([line('two')]);
    expect(log).toEqual(['failed 0', 'connected 1', 'connected 0']);
  });

  it.each<[string, (socket: Socket) => void, string]>([
    ['never acknowledges', () => {}, 'no acknowledgement in time'],
    ['closes', (socket) => socket.on('data', () => socket.end()), 'closed'],
    ['resets', (socket) => socket.on('data', () => socket.resetAndDestroy()), ''],
    ['answers garbage', (socket) => socket.on('data', () => socket.write('\xc1\xc1')), ''],
    [
      'acknowledges something else',
      (socket) => socket.on('data', () => socket.write(Buffer.from('81a361636ba178', 'hex'))),
      'not sent',
    ],
  ])('fail at a server that %s, and the next succeed', async (_name, misbehave, reason) => {
    let isBad = true;
    const good = await startFluentd();
    const bad = await startServer((socket) => {
      if (isBad) misbehave(socket);
      else socket.destroy();
    });
    const { sender } = createSender([bad, good.port], { timeoutMs: 300 });
    const results = await Promise.allSettled([
      sender.send(delivery('one')),
      sender.send(delivery('two')),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(String((results[0] as PromiseRejectedResult).reason)).toContain(reason);
    isBad = false;
    // A busy machine may take longer than the short time-out that the test needs above.
    for (let isSent = false; !isSent;) {
      isSent = await sender.send(delivery('three')).then(
        () => true,
        () => false,
      );
    }
    expect(good.messages).toContain(line('three'));
  });

  it('fail when the sender closes', async () => {
    const port = await startServer(() => {});
    const { sender } = createSender([port]);
    const sending = sender.send(delivery('one'));
    sender.close();
    sender.close();
    await expect(sending).rejects.toThrow('closed');
  });
});
