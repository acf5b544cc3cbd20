import 'reflect-metadata';
import { connect, type Socket } from 'node:net';
import { Body, Controller, Module, Post } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  AppLogger,
  createHttpApp,
  HealthState,
  listen,
  PlatformModule,
  type RunOptions,
} from './index.ts';

@Controller()
class EchoController {
  @Post('echo')
  echo(@Body() body: unknown): object {
    if (Buffer.isBuffer(body)) return { kind: 'buffer', size: body.length };
    if (body instanceof URLSearchParams) return { kind: 'form', entries: [...body] };
    return { kind: 'json', body };
  }
}

const options: RunOptions = {
  configFile: null,
  dataDir: '.',
  listen: { host: '127.0.0.1', port: 0 },
  logLevel: 'silent',
};
const logger = AppLogger.create({ app: 'test', level: 'silent' });

@Module({
  imports: [PlatformModule.forApp(options, logger, 'look here\n')],
  controllers: [EchoController],
})
class TestModule {}

let app: NestFastifyApplication;
let port: number;

beforeEach(async () => {
  app = await createHttpApp(TestModule, logger, {
    maxBinaryBodyBytes: 1_000,
    maxTextBodyBytes: 100,
  });
  ({ port } = await listen(app, options.listen));
});

afterEach(() => app.close());

function post(type: string, body: string): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}/echo`, {
    method: 'POST',
    headers: { 'content-type': type },
    body,
  });
}

describe('createHttpApp', () => {
  it.each([
    ['application/x-protobuf', 'abc', { kind: 'buffer', size: 3 }],
    [
      'application/x-www-form-urlencoded',
      'a=1&a=2',
      {
        kind: 'form',
        entries: [
          ['a', '1'],
          ['a', '2'],
        ],
      },
    ],
    ['application/json', '{"a":1}', { kind: 'json', body: { a: 1 } }],
  ])('hands %s over in its form', async (type, body, expected) => {
    expect(await (await post(type, body)).json()).toEqual(expected);
  });

  it.each([
    ['application/x-protobuf', 1_001],
    ['application/json', 101],
    ['application/x-www-form-urlencoded', 101],
  ])('answers 413 for %s over its limit', async (type, size) => {
    expect((await post(type, ' '.repeat(size))).status).toBe(413);
  });

  it('refuses a content type it has no use for', async () => {
    expect((await post('image/png', 'x')).status).toBe(415);
  });

  it('says ready with its checks, and not ready once it is stopping', async () => {
    const health = app.get(HealthState);
    health.set('store', false, 'replaying 3 of 9 segments');
    const replaying = await fetch(`http://127.0.0.1:${port}/readyz`);
    expect([replaying.status, await replaying.text()]).toEqual([
      503,
      '[-] store: replaying 3 of 9 segments\nnot ready\n',
    ]);
    health.set('store', true);
    expect((await fetch(`http://127.0.0.1:${port}/-/ready`)).status).toBe(200);
    health.stop();
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(503);
    expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
  });

  it('says at its root where to look', async () => {
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('look here\n');
  });

  it('says in one sentence that a port is taken', async () => {
    const second = await createHttpApp(TestModule, logger);
    await expect(listen(second, { host: '127.0.0.1', port })).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port}: the port is in use by another program; choose another with --listen.`,
    );
    await second.close();
  });

  it('closes although a client keeps a connection open and says nothing', async () => {
    const socket = await new Promise<Socket>((resolve) => {
      const opened = connect(port, '127.0.0.1', () => resolve(opened));
    });
    await (await fetch(`http://127.0.0.1:${port}/livez`)).text();
    const closed = new Promise((resolve) => {
      socket.once('close', resolve);
    });
    await app.close();
    await closed;
    expect(socket.destroyed).toBe(true);
  });
});
