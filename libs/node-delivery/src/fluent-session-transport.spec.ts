import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { FluentServer } from '@fluent-org/logger';
import { parseAlertmanagerConfig } from '#libs/dispatch';
import { DeliveryError } from '#libs/notify';
import { alertOf, ReceiverWorld } from '../testing/receiver-world.ts';

let world: ReceiverWorld;
const closers: (() => unknown)[] = [];
beforeAll(async () => {
  world = await ReceiverWorld.start();
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});
afterAll(() => world.stop());

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

describe('fluentd', () => {
  it('gets each alert as a record, and acknowledges it', async () => {
    const port = await freePort();
    const server = new FluentServer({
      listenOptions: { port, host: '127.0.0.1' },
      security: { serverHostname: 'fluentd', sharedKey: 'shared', authorize: false, userDict: {} },
    });
    const entries: unknown[][] = [];
    server.on('entry', (...entry: unknown[]) => {
      entries.push(entry);
    });
    await server.listen();
    closers.push(() => server.close());
    const block = `{host: 127.0.0.1, port: ${port}, tag: my.tag, shared_key: shared}`;
    const alerts = [alertOf({ labels: { a: '1' } }), alertOf({ isResolved: true })];
    await world.deliver(world.integration('fluentd', block), alerts);
    expect(entries.map(([tag, , record]) => [tag, record])).toEqual([
      [
        'my.tag.alert',
        {
          status: 'firing',
          labels: { a: '1', alertname: 'DiskFull', severity: 'critical' },
          annotations: { summary: '95 % used' },
          starts_at: '2026-02-03T04:05:06Z',
          ends_at: null,
          generator_url: 'http://prom.example/graph?g0.expr=up',
          fingerprint: alerts[0]!.fingerprint,
          receiver: 'ops',
          reason: 'first notification',
          group_key: '{}:{alertname="DiskFull"}',
          group_labels: { alertname: 'DiskFull' },
          notification_id: 'n1',
        },
      ],
      [
        'my.tag.alert',
        expect.objectContaining({ status: 'resolved', ends_at: '2026-02-03T04:06:06Z' }),
      ],
    ]);
  });

  it('fails, to be tried again, where nobody listens', async () => {
    const block = `{host: 127.0.0.1, port: ${await freePort()}, shared_key: canary-5}`;
    const sent = world.deliver(world.integration('fluentd', block), [alertOf({})]);
    await expect(sent).rejects.toMatchObject({ code: 'unreachable', isRetryable: true });
    await expect(sent).rejects.not.toMatchObject({ message: expect.stringContaining('canary-5') });
  });

  it('fails in time where the server says nothing', async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => sockets.push(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const block = `{host: 127.0.0.1, port: ${port}, timeout: 200ms}`;
    const error = await world
      .deliver(world.integration('fluentd', block), [alertOf({})])
      .catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(DeliveryError);
    expect(error).toMatchObject({ isRetryable: true });
  });

  it('has no http_config', () => {
    const text = `route: {receiver: ops}\nreceivers: [{name: ops, fluentd_configs: [{host: h, tag: 'a b', http_config: {}}]}]`;
    expect(() => parseAlertmanagerConfig(text, 'am.yml')).toThrow(/expected a tag such as/);
    expect(() => parseAlertmanagerConfig(text.replace('a b', 'a.b'), 'am.yml')).toThrow(
      /http_config: means nothing here/,
    );
  });
});
