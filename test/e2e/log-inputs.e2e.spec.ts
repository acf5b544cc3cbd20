import 'reflect-metadata';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FluentClient, FluentServer } from '@fluent-org/logger';
import fluentLogger from 'fluent-logger';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppLogger, listen } from '#libs/platform';
import { createApp } from '../../apps/collector/src/app.ts';
import { describeWithPeers } from '../support/peers.ts';
import { freePort } from '../support/processes.ts';

interface Entry {
  readonly tag: string;
  readonly seconds: number;
  readonly record: Record<string, unknown>;
}

let folder: string;
let apps: NestFastifyApplication[];
let fluentd: FluentServer;
let entries: Entry[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'binnacle-inputs-'));
  apps = [];
  // Nobody else is given it while Fluentd is away.
  await startFluentd(await freePort());
});

afterEach(async () => {
  for (const app of apps) await app.close();
  await fluentd.close();
  rmSync(folder, { recursive: true, force: true });
});

async function startFluentd(port: number): Promise<void> {
  entries = [];
  fluentd = new FluentServer({ listenOptions: { port, host: '127.0.0.1' } });
  fluentd.on('entry', (tag: string, time: { epoch: number }, record: Record<string, unknown>) => {
    entries.push({ tag, seconds: time.epoch, record });
  });
  for (const end = Date.now() + 90_000; ; await sleep(50)) {
    try {
      await fluentd.listen();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || Date.now() > end) throw error;
    }
  }
}

async function start(
  inputs: string,
  port: number,
): Promise<{ app: NestFastifyApplication; base: string }> {
  const file = join(folder, 'collector.yml');
  writeFileSync(
    file,
    `host_metrics: {enabled: false}
logs:
  inputs:
${inputs.replaceAll(/^/gm, '    ')}
outputs:
  remote_write: []
  fluentd:
    - {name: test, port: ${port}, tag: node, min_backoff: 20ms, ack_timeout: 60s}
`,
  );
  const options = {
    configFile: file,
    dataDir: join(folder, 'data'),
    listen: { host: '127.0.0.1', port: 0 },
    logLevel: 'silent',
  } as const;
  const app = await createApp(options, {}, AppLogger.create({ app: 'test', level: 'silent' }));
  apps.push(app);
  const address = await listen(app, options.listen);
  return { app, base: `http://127.0.0.1:${address.port}` };
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 90_000; Date.now() < end; await sleep(20)) {
    if (await holds()) return;
  }
  throw new Error('it did not come to that within 90 s');
}

async function metric(base: string, line: string): Promise<number | null> {
  const text = await fetch(`${base}/metrics`).then((response) => response.text());
  const found = text.split('\n').find((candidate) => candidate.startsWith(`${line} `));
  return found === undefined ? null : Number(found.slice(line.length + 1));
}

async function emit(
  client: FluentClient,
  tag: string,
  record: Record<string, unknown>,
): Promise<void> {
  await client.emit(tag, record, 1_700_000_000_000);
}

function messages(): Set<unknown> {
  return new Set(entries.map(({ record }) => record['message']));
}

async function isUp(base: string, input: string): Promise<boolean> {
  return (await metric(base, `binnacle_log_input_up{input="${input}"}`)) === 1;
}

describe('the syslog input', () => {
  const RFC5424 = '<11>1 2026-01-02T03:04:05.678Z web-1 shop 42 ORD [o@1 id="7"] no stock';

  it('takes datagrams', async () => {
    const port = await freePort();
    const { base } = await start(
      `syslog: [{listen: "127.0.0.1:${port}", labels: {rack: r1}}]`,
      fluentd.port!,
    );
    await until(() => isUp(base, 'syslog'));
    const socket = createSocket('udp4');
    socket.send(RFC5424, port, '127.0.0.1');
    await until(() => entries.length === 1);
    socket.send('<13>Jan  2 03:04:05 web-1 cron[7]: WARN x\n', port, '127.0.0.1');
    await until(() => entries.length === 2);
    socket.close();
    const common = { rack: 'r1', source: '127.0.0.1', hostname: 'web-1', facility: 'user' };
    expect(entries).toEqual([
      {
        tag: 'node.syslog',
        seconds: Date.UTC(2026, 0, 2, 3, 4, 5) / 1000,
        record: {
          ...common,
          severity: 'err',
          level: 'error',
          app_name: 'shop',
          proc_id: '42',
          msg_id: 'ORD',
          structured_data: { 'o@1': { id: '7' } },
          message: 'no stock',
        },
      },
      expect.objectContaining({
        record: {
          ...common,
          severity: 'notice',
          level: 'info',
          app_name: 'cron',
          proc_id: '7',
          message: 'WARN x',
        },
      }),
    ]);
    expect(
      await metric(base, 'binnacle_log_input_records_total{input="syslog",level="error"}'),
    ).toBe(1);
  });

  it('takes counted messages and lines over TLS', async () => {
    const port = await freePort();
    const testdata = join(import.meta.dirname, '..', '..', 'libs', 'node-delivery', 'testdata');
    const [certFile, keyFile] = [
      join(testdata, 'localhost.crt.pem'),
      join(testdata, 'localhost.key.pem'),
    ];
    const { base } = await start(
      `syslog: [{name: tls, listen: "127.0.0.1:${port}", protocol: tcp, tls_config: {cert_file: ${certFile}, key_file: ${keyFile}}}]`,
      fluentd.port!,
    );
    await until(() => isUp(base, 'tls'));
    const socket = connectTls({ port, host: 'localhost', ca: readFileSync(certFile) });
    await once(socket, 'secureConnect');
    socket.end(`7 <11>one<11>two\n<11>three`);
    await until(() => entries.length === 3);
    expect(entries.map(({ record }) => record['message'])).toEqual(['one', 'two', 'three']);
  });
});

describeWithPeers('the syslog input and rsyslog', ['../sbin/rsyslogd'], ([rsyslogd]) => {
  it.each([
    ['lines over TCP', 'tcp', 'Protocol="tcp" Template="RSYSLOG_SyslogProtocol23Format"'],
    [
      'counted octets over TCP',
      'tcp',
      'Protocol="tcp" TCP_Framing="octet-counted" Template="RSYSLOG_SyslogProtocol23Format"',
    ],
    ['the old form over UDP', 'udp', 'Protocol="udp" Template="RSYSLOG_TraditionalForwardFormat"'],
  ])('take %s', async (_name, protocol, action) => {
    const port = await freePort();
    const { base } = await start(
      `syslog: [{listen: "127.0.0.1:${port}", protocol: ${protocol}}]`,
      fluentd.port!,
    );
    await until(() => isUp(base, 'syslog'));
    const input = join(folder, 'in.log');
    const config = join(folder, 'rsyslog.conf');
    writeFileSync(input, '');
    writeFileSync(
      config,
      `global(workDirectory="${folder}")
module(load="imfile" mode="polling" pollingInterval="1")
input(type="imfile" File="${input}" Tag="shop:" Severity="error" Facility="local3" readMode="0")
action(type="omfwd" Target="127.0.0.1" Port="${port}" ${action})
`,
    );
    const usr = join(rsyslogd!, '..', '..');
    const libs = join(
      usr,
      'lib',
      process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu',
    );
    const sender = spawn(
      rsyslogd!,
      ['-n', '-f', config, '-i', join(folder, 'rsyslog.pid'), '-M', join(libs, 'rsyslog')],
      { env: { ...process.env, LD_LIBRARY_PATH: libs }, stdio: 'ignore' },
    );
    try {
      appendFileSync(input, Array.from({ length: 50 }, (_, i) => `order ${i}\n`).join(''));
      const orders = (): Entry[] => entries.filter(({ record }) => record['app_name'] === 'shop');
      await until(() => orders().length === 50);
      expect(orders().map(({ record }) => record['message'])).toEqual(
        Array.from({ length: 50 }, (_, i) => `order ${i}`),
      );
      expect(orders()[0]!.record).toMatchObject({
        facility: 'local3',
        severity: 'err',
        level: 'error',
        hostname: expect.any(String),
      });
    } finally {
      sender.kill();
      await once(sender, 'exit');
    }
  });
});

describe('the journald input', () => {
  /** What journalctl does with a journal of two entries that grows by one with each start. */
  const JOURNALCTL = `#!/bin/sh
echo "$@" >> "$(dirname "$0")/calls"
n=$(wc -l < "$(dirname "$0")/calls")
echo '{"__CURSOR":"s=1;i='$n'","__REALTIME_TIMESTAMP":"1700000000000001","PRIORITY":"3","_SYSTEMD_UNIT":"kubelet.service","SYSLOG_IDENTIFIER":"kubelet","_PID":"7","MESSAGE":"entry '$n'"}'
echo 'no entry'
exec sleep 600
`;

  it('takes entries, and goes on behind the last one that was safe', async () => {
    const program = join(folder, 'journalctl');
    writeFileSync(program, JOURNALCTL, { mode: 0o755 });
    const inputs = `journald: [{program: "${program}", units: [kubelet.service], from: beginning}]`;
    const first = await start(inputs, fluentd.port!);
    await until(() => entries.length === 1);
    expect(entries[0]).toEqual({
      tag: 'node.journald',
      seconds: 1_700_000_000,
      record: {
        unit: 'kubelet.service',
        app_name: 'kubelet',
        proc_id: '7',
        level: 'error',
        message: 'entry 1',
      },
    });
    const malformed = 'binnacle_log_input_dropped_total{input="journald",reason="malformed"}';
    await until(async () => (await metric(first.base, malformed)) === 1);
    await first.app.close();
    apps.pop();
    const second = await start(inputs, fluentd.port!);
    await until(() => messages().has('entry 2'));
    await second.app.close();
    apps.pop();
    await start(inputs, fluentd.port!);
    await until(() => messages().has('entry 3'));
    const calls = readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n');
    expect(calls).toEqual([
      '--output=json --all --follow --no-tail --unit=kubelet.service',
      '--output=json --all --follow --after-cursor=s=1;i=1 --no-tail --unit=kubelet.service',
      '--output=json --all --follow --after-cursor=s=1;i=2 --no-tail --unit=kubelet.service',
    ]);
  });

  it('is not up where there is no journalctl', async () => {
    const { base } = await start('journald: [{program: /nowhere/journalctl}]', fluentd.port!);
    await until(async () => (await metric(base, 'binnacle_log_input_up{input="journald"}')) === 0);
    expect(await metric(base, 'binnacle_log_input_up{input="journald"}')).toBe(0);
  });
});

describe('the forward input', () => {
  it('takes events of applications, with level and sender, to the outputs', async () => {
    const port = await freePort();
    const { base } = await start(
      `forward: [{listen: "127.0.0.1:${port}", labels: {team: shop}}]`,
      fluentd.port!,
    );
    await until(async () => (await metric(base, 'binnacle_log_input_up{input="forward"}')) === 1);
    const client = new FluentClient('shop', { socket: { port }, ack: {} });
    await emit(client, 'order', { log: 'ERROR no stock\n', sku: 7, team: 'other' });
    await emit(client, 'order', { message: 'done', level: 'WARNING' });
    await client.disconnect();
    const sender = fluentLogger.createFluentSender('cart', { host: '127.0.0.1', port });
    sender.emit('item', { added: 'book' });
    await until(() => entries.length === 3);
    sender.end('end', {}, () => {});
    const common = { team: 'shop', source: '127.0.0.1' };
    expect(entries.slice(0, 2)).toEqual([
      {
        tag: 'shop.order',
        seconds: 1_700_000_000,
        record: { ...common, level: 'error', sku: 7, message: 'ERROR no stock' },
      },
      {
        tag: 'shop.order',
        seconds: 1_700_000_000,
        record: { ...common, level: 'warn', message: 'done' },
      },
    ]);
    expect(entries[2]).toMatchObject({
      tag: 'cart.item',
      record: { ...common, level: 'unknown', added: 'book' },
    });
    const errors = 'binnacle_log_input_records_total{input="forward",level="error"}';
    expect(await metric(base, errors)).toBe(1);
  });

  it('keeps what it has acknowledged while Fluentd is away, and over a restart', async () => {
    const port = await freePort();
    const inputs = `forward: [{listen: "127.0.0.1:${port}"}]`;
    const fluentdPort = fluentd.port!;
    await fluentd.close();
    const first = await start(inputs, fluentdPort);
    await until(
      async () => (await metric(first.base, 'binnacle_log_input_up{input="forward"}')) === 1,
    );
    const client = new FluentClient('a', { socket: { port }, ack: { ackTimeout: 60_000 } });
    for (let i = 0; i < 20; i++) await emit(client, 'b', { message: `m${i}` });
    await client.disconnect();
    await first.app.close();
    apps.pop();
    await startFluentd(fluentdPort);
    await start(inputs, fluentdPort);
    await until(() => messages().size >= 20);
    expect(messages()).toEqual(new Set(Array.from({ length: 20 }, (_, i) => `m${i}`)));
  });
});

describe('rules of inputs', () => {
  const RULES = `rules:
  - name: shop
    inputs: [forward, syslog]
    tags: ['shop.*', syslog]
    parser: json
    drop: [{levels: [debug]}, {pattern: healthz}]
    rate_limit: {lines: 0.001, burst: 4}
    redact: {kinds: [emails, secrets]}
`;
  const CARD = 'ann@example.org';

  it('take records apart, leave some out, redact and count them', async () => {
    const port = await freePort();
    const { base } = await start(
      `${RULES}forward: [{listen: "127.0.0.1:${port}", labels: {team: shop}}]`,
      fluentd.port!,
    );
    await until(() => isUp(base, 'forward'));
    const client = new FluentClient('shop', { socket: { port }, ack: {} });
    const other = new FluentClient('cart', { socket: { port }, ack: {} });
    const log = JSON.stringify({ msg: `order of ${CARD}`, level: 'error', sku: 7, team: 'mine' });
    await emit(client, 'order', { log, to: { mail: CARD }, password: 'hunter2' });
    // What a rule leaves out is acknowledged all the same.
    await emit(client, 'order', { log: '{"msg":"x","level":"debug"}' });
    await emit(client, 'order', { message: 'GET /healthz' });
    for (let i = 0; i < 6; i++) await emit(client, 'order', { message: `line ${i}` });
    await emit(other, 'item', { message: `to ${CARD}` });
    await Promise.all([client.disconnect(), other.disconnect()]);
    await until(() => messages().has(`to ${CARD}`) && messages().has('line 2'));
    const marker = /^\[binnacle\] \d+ lines dropped: more than 0.001 a second$/;
    await until(() => [...messages()].some((message) => marker.test(String(message))));
    const common = { team: 'shop', source: '127.0.0.1' };
    expect(entries[0]!.record).toEqual({
      ...common,
      level: 'error',
      sku: 7,
      log_team: 'mine',
      to: '{"mail":"[redacted emails]"}',
      password: '[redacted secrets]',
      message: 'order of [redacted emails]',
    });
    const found = [...messages()].map(String);
    expect(found.filter((message) => message.startsWith('line'))).toEqual([
      'line 0',
      'line 1',
      'line 2',
    ]);
    expect(found.filter((message) => /healthz|^x$/.test(message))).toEqual([]);
    const group = 'group="shop"';
    for (const [line, value] of [
      [`binnacle_log_dropped_lines_total{${group},reason="filtered"}`, 2],
      [`binnacle_log_dropped_lines_total{${group},reason="rate_limited"}`, 3],
      [`binnacle_log_redactions_total{${group},kind="emails"}`, 2],
      [`binnacle_log_lines_total{${group},level="debug",stream=""}`, 1],
      [`binnacle_log_lines_total{${group},level="error",stream=""}`, 1],
      [`binnacle_log_lines_total{${group},level="unknown",stream=""}`, 7],
      [`binnacle_log_unparsed_lines_total{output="metrics",${group}}`, 7],
      ['binnacle_log_lines_total{group="forward",level="unknown",stream=""}', 1],
      ['binnacle_log_input_records_total{input="forward",level="debug"}', 1],
    ] as const) {
      expect([line, await metric(base, line)]).toEqual([line, value]);
    }
  });

  it('hold for syslog, whose senders are told nothing', async () => {
    const port = await freePort();
    const { base } = await start(`${RULES}syslog: [{listen: "127.0.0.1:${port}"}]`, fluentd.port!);
    await until(() => isUp(base, 'syslog'));
    const socket = createSocket('udp4');
    socket.send(`<15>1 - web-1 shop - - - debug`, port, '127.0.0.1');
    socket.send(
      `<11>1 - web-1 shop - - [o@1 mail="${CARD}"] no mail to ${CARD}`,
      port,
      '127.0.0.1',
    );
    await until(() => entries.length > 0);
    socket.close();
    expect(entries.map(({ record }) => record)).toEqual([
      expect.objectContaining({
        level: 'error',
        message: 'no mail to [redacted emails]',
        structured_data: '{"o@1":{"mail":"[redacted emails]"}}',
      }),
    ]);
    const line = 'binnacle_log_dropped_lines_total{group="shop",reason="filtered"}';
    await until(async () => (await metric(base, line)) === 1);
  });
});
