import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { FluentServer } from '@fluent-org/logger';
import { FluentOutput, type FluentOutputEvents } from './fluent-output.ts';
import type { FluentEvent } from '#libs/node-fluent';
import { fluentdOutputsSchema } from './logs-config.ts';

const closers: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

function eventsOf(...messages: string[]): FluentEvent[] {
  return messages.map((message, index) => ({
    timeSeconds: 1_772_352_000 + index,
    timeNanos: 123_456_789,
    record: { message, level: 'info' },
  }));
}

/** An output whose doings are written down. */
function createOutput(
  port: number,
  extra: Record<string, unknown> = {},
): { output: FluentOutput; log: string[] } {
  const log: string[] = [];
  const [config] = fluentdOutputsSchema.parse([
    { port, ack_timeout: '60s', min_backoff: '20ms', max_backoff: '40ms', ...extra },
  ]);
  const events: FluentOutputEvents = {
    sent: (count) => log.push(`sent ${count}`),
    failed: (count) => log.push(`failed ${count}`),
    queued: () => {},
    stateChanged: (isUp) => log.push(isUp ? 'up' : 'down'),
  };
  const output = new FluentOutput(config!, events);
  closers.push(() => output.close());
  return { output, log };
}

/** Sends and waits for the acknowledgement. */
function delivered(output: FluentOutput, label: string, ...messages: string[]): Promise<void> {
  return new Promise((resolve) => {
    output.send(label, eventsOf(...messages), resolve);
  });
}

type Entry = readonly [tag: string, time: unknown, record: Readonly<Record<string, unknown>>];

async function startFluentd(
  port: number,
  options: object = {},
): Promise<{ server: FluentServer; entries: Entry[]; port: number }> {
  const server = new FluentServer({ listenOptions: { port, host: '127.0.0.1' }, ...options });
  const entries: Entry[] = [];
  server.on('entry', (...entry: unknown[]) => {
    entries.push(entry as unknown as Entry);
  });
  // Where a port is given, a connection of somebody else may have it for a moment.
  for (let isListening = false; !isListening;) {
    try {
      await server.listen();
      isListening = true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  closers.push(() => server.close());
  return { server, entries, port: server.port! };
}

/** A server that does to each connection what is asked for, until it is replaced. */
async function startServer(onConnection: (socket: Socket) => void): Promise<Server> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
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
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

describe('records to Fluentd', () => {
  it('arrive with tag, time to the nanosecond and fields, and are acknowledged', async () => {
    const { entries, port } = await startFluentd(0);
    const { output, log } = createOutput(port, { tag: 'node' });
    await delivered(output, 'pods', 'one', 'two 🙂');
    await delivered(output, 'app', 'three');
    expect(entries.map(([tag, , record]) => [tag, record['message']])).toEqual([
      ['node.pods', 'one'],
      ['node.pods', 'two 🙂'],
      ['node.app', 'three'],
    ]);
    expect(entries[0]![1]).toMatchObject({ epoch: 1_772_352_000, nano: 123_456_789 });
    expect(entries[0]![2]).toEqual({ message: 'one', level: 'info' });
    expect(log).toEqual(['up', 'sent 2', 'sent 1']);
    expect(output.queuedEvents).toBe(0);
  });

  it('arrive where a shared key is asked for', async () => {
    const security = {
      serverHostname: 'server',
      sharedKey: 'secret key',
      authorize: false,
      userDict: {},
    };
    const { entries, port } = await startFluentd(0, { security });
    const { output } = createOutput(port, { shared_key: 'secret key' });
    await delivered(output, 'pods', 'one');
    expect(entries).toHaveLength(1);
  });

  it('wait for a server that is not there yet', async () => {
    const probe = await startFluentd(0);
    await probe.server.close();
    const { output, log } = createOutput(probe.port);
    const arrival = delivered(output, 'pods', 'early');
    while (!log.includes('down')) await new Promise((resolve) => setTimeout(resolve, 5));
    const { entries } = await startFluentd(probe.port);
    await arrival;
    expect(entries.map(([, , record]) => record['message'])).toEqual(['early']);
    expect(log.slice(-2)).toEqual(['up', 'sent 1']);
  });

  it('are sent again when the server goes away and comes back', async () => {
    const first = await startFluentd(0);
    const { output } = createOutput(first.port);
    await delivered(output, 'pods', 'one');
    await first.server.close();
    const arrivals = Promise.all([
      delivered(output, 'pods', 'two'),
      delivered(output, 'app', 'three'),
    ]);
    const { entries } = await startFluentd(first.port);
    await arrivals;
    expect(new Set(entries.map(([, , record]) => record['message']))).toEqual(
      new Set(['two', 'three']),
    );
  });

  it.each<[string, (socket: Socket) => void]>([
    ['resets the connection', (socket) => socket.on('data', () => socket.resetAndDestroy())],
    ['closes before it answers', (socket) => socket.on('data', () => socket.end())],
    ['closes at once', (socket) => socket.end()],
    ['never answers', () => {}],
    ['does not even read', (socket) => socket.pause()],
    ['answers garbage', (socket) => socket.on('data', () => socket.write('\u0000garbage\xff\xc1'))],
    [
      'answers half a message',
      (socket) => socket.on('data', () => socket.write(Buffer.from([0x81, 0xa3]))),
    ],
    [
      'answers nothing of sense',
      (socket) => socket.on('data', () => socket.write(Buffer.from([0xc0]))),
    ],
    [
      'acknowledges something else',
      (socket) =>
        socket.on('data', () => socket.write(Buffer.from([0x81, 0xa3, 97, 99, 107, 0xa1, 120]))),
    ],
  ])('survive a server that %s', async (_name, misbehave) => {
    const connections: Socket[] = [];
    const bad = await startServer((socket) => {
      connections.push(socket);
      misbehave(socket);
    });
    const port = portOf(bad);
    const { output, log } = createOutput(port, { ack_timeout: '300ms' });
    const arrival = delivered(
      output,
      'pods',
      ...Array.from({ length: 2000 }, (_, i) => `line ${i}`),
    );
    while (connections.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(log).toContain('failed 2000');
    expect(log).not.toContain('sent 2000');
    const closed = once(bad, 'close');
    await closers.shift()!();
    await closed;
    const { entries } = await startFluentd(port);
    await arrival;
    // A machine that is busy for as long as the server may take sends again.
    expect(new Set(entries.map(([, , record]) => record['message'])).size).toBe(2000);
    expect(log.at(-1)).toBe('sent 2000');
  });

  it('are given up when the output closes, without a sound', async () => {
    const silent = await startServer(() => {});
    const { output, log } = createOutput(portOf(silent), { ack_timeout: '300ms' });
    output.send('pods', eventsOf('never'), () => log.push('acknowledged'));
    await output.drain(50);
    output.close();
    output.close();
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(log).not.toContain('acknowledged');
  });

  it('drain before the output closes', async () => {
    const { entries, port } = await startFluentd(0);
    const { output } = createOutput(port);
    output.send('pods', eventsOf('last'), () => {});
    await output.drain(60_000);
    expect(entries).toHaveLength(1);
  });
});
