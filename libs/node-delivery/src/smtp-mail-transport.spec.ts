import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { type EmailIntegration, parseAlertmanagerConfig } from '#libs/dispatch';
import { DeliveryError, type EmailMessage } from '#libs/notify';
import { AddressPolicy } from './address-policy.ts';
import { FileSecretReader } from './file-secret-reader.ts';
import { SmtpMailTransport } from './smtp-mail-transport.ts';

const testdata = (name: string) => join(import.meta.dirname, '..', 'testdata', name);
const cert = readFileSync(testdata('localhost.crt.pem'), 'utf8');
const key = readFileSync(testdata('localhost.key.pem'), 'utf8');
const transport = new SmtpMailTransport(new FileSecretReader(tmpdir()));

interface Received {
  readonly from: string;
  readonly to: readonly string[];
  readonly secure: boolean;
  readonly user: string;
  readonly hello: string;
  readonly raw: string;
}

const open: (SMTPServer | Server)[] = [];
const sockets: Socket[] = [];
let received: Received[] = [];

async function mailServer(options: SMTPServerOptions = {}): Promise<number> {
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    logger: false,
    onAuth: (auth, _, callback) => {
      const isRight =
        auth.method === 'CRAM-MD5' ? auth.validatePassword('right') : auth.password === 'right';
      if (isRight) callback(null, { user: auth.username ?? '' });
      else callback(new Error('wrong password'));
    },
    onData: (stream, session, callback) => {
      let raw = '';
      stream.on('data', (chunk: Buffer) => (raw += chunk.toString()));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        received.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          secure: session.secure,
          user: String(session.user ?? ''),
          hello: session.hostNameAppearsAs,
          raw,
        });
        callback();
      });
    },
    ...options,
  });
  server.on('error', () => {});
  open.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.server.address() as AddressInfo).port;
}

async function rawServer(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of open.splice(0)) server.close();
  received = [];
});

function serverOf(port: number, yaml = ''): EmailIntegration {
  const text = `
route: {receiver: r}
receivers:
- name: r
  email_configs:
  - {to: ops@example.org, from: am@example.org, smarthost: 'localhost:${port}', hello: am.example.org, ${yaml}}
`;
  const [integration] = parseAlertmanagerConfig(text, 'am.yml').receivers[0]!.integrations;
  return { ...(integration as EmailIntegration), smarthost: { host: '127.0.0.1', port } };
}

const MESSAGE: EmailMessage = {
  from: 'Alerts <am@example.org>',
  to: 'ops@example.org, "Dev Team" <dev@example.org>',
  subject: 'DiskFull ü',
  messageId: '<n1@example.org>',
  references: ['<thread-1@example.org>'],
  headers: [['X-Team', 'web']],
  text: 'plain words',
  html: '<b>words</b>',
  pictures: [],
};

async function failureOf(promise: Promise<unknown>): Promise<DeliveryError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof DeliveryError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

const refuse = (code: number) => Object.assign(new Error(`no ${code}`), { responseCode: code });

const PLAIN = 'require_tls: false';

describe('SmtpMailTransport', () => {
  it('hands a message over with all its headers and both bodies', async () => {
    const port = await mailServer();
    expect(await transport.send(MESSAGE, serverOf(port, PLAIN), 60_000)).toEqual([]);
    expect(received).toHaveLength(1);
    expect(received[0]).toMatchObject({
      from: 'am@example.org',
      to: ['ops@example.org', 'dev@example.org'],
      hello: 'am.example.org',
      secure: false,
    });
    const { raw } = received[0]!;
    for (const line of [
      /^From: Alerts <am@example\.org>/m,
      /^To: ops@example\.org, Dev Team <dev@example\.org>/m,
      /^Subject: =\?UTF-8\?/m,
      /^Message-ID: <n1@example\.org>/m,
      /^References: <thread-1@example\.org>/m,
      /^In-Reply-To: <thread-1@example\.org>/m,
      /^X-Team: web/m,
      /^Date: /m,
      /^plain words/m,
      /^<b>words<\/b>/m,
    ]) {
      expect(raw).toMatch(line);
    }
  });

  it.each([
    ['a password', "auth_username: me, auth_password: 'right'"],
    ['CRAM-MD5', "auth_username: me, auth_secret: 'right'"],
  ])('logs in with %s', async (_, auth) => {
    const port = await mailServer({
      authMethods: ['PLAIN', 'LOGIN', 'CRAM-MD5'],
      authOptional: false,
    });
    await transport.send(MESSAGE, serverOf(port, `${PLAIN}, ${auth}`), 60_000);
    expect(received[0]).toMatchObject({ user: 'me' });
  });

  it('shows a picture within the message', async () => {
    const port = await mailServer();
    const message = {
      ...MESSAGE,
      html: '<img src="cid:chart-1@binnacle">',
      pictures: [{ cid: 'chart-1@binnacle', png: Buffer.from('a picture') }],
    };
    await transport.send(message, serverOf(port, PLAIN), 60_000);
    const { raw } = received[0]!;
    expect(raw).toContain('multipart/related');
    expect(raw).toMatch(/Content-Id: <chart-1@binnacle>/i);
    expect(raw).toMatch(/Content-Disposition: inline; filename=chart\.png/);
    expect(raw).toContain(Buffer.from('a picture').toString('base64'));
  });

  it('does not show a password that is refused', async () => {
    const port = await mailServer({ authOptional: false });
    const auth = "auth_username: me, auth_password: 'canary-77'";
    const error = await failureOf(
      transport.send(MESSAGE, serverOf(port, `${PLAIN}, ${auth}`), 60_000),
    );
    expect(error).toMatchObject({ code: 'unauthorized', isRetryable: false });
    expect(`${error.message} ${String(error.cause)}`).not.toContain('canary');
  });

  it.each([
    ['as it is', (password: string) => password],
    ['as it went over the wire', (password: string) => Buffer.from(password).toString('base64')],
  ])('does not show a password that the server says back %s', async (_, disguise) => {
    const port = await mailServer({
      onAuth: ({ password }, __, callback) => callback(new Error(`no ${disguise(password ?? '')}`)),
    });
    const auth = "auth_username: me, auth_password: 'canary-77'";
    const error = await failureOf(
      transport.send(MESSAGE, serverOf(port, `${PLAIN}, ${auth}`), 60_000),
    );
    expect(error).toMatchObject({ code: 'unauthorized' });
    expect(error.message).toMatch(/no <secret>$/);
  });

  it('says nothing to a server whose address is not allowed', async () => {
    let visits = 0;
    const port = await rawServer((socket) => {
      socket.on('data', () => visits++);
      socket.write('220 hello\r\n');
    });
    const policy = new AddressPolicy({ denied: ['loopback'], allowed: [] });
    const careful = new SmtpMailTransport(new FileSecretReader(tmpdir()), { policy });
    const error = await failureOf(careful.send(MESSAGE, serverOf(port, PLAIN), 60_000));
    expect(error).toMatchObject({ code: 'misconfigured', isRetryable: true });
    expect(error.message).toContain('must not be connected to');
    expect(visits).toBe(0);
  });

  describe('with TLS', () => {
    const starttls: SMTPServerOptions = { key, cert, disabledCommands: [] };

    it('upgrades the connection before it logs in', async () => {
      const port = await mailServer({ ...starttls, authOptional: false });
      const tls =
        "tls_config: {insecure_skip_verify: true}, auth_username: me, auth_password: 'right'";
      await transport.send(MESSAGE, serverOf(port, tls), 60_000);
      expect(received[0]).toMatchObject({ secure: true, user: 'me' });
    });

    it('trusts the authority it is given', async () => {
      const port = await mailServer(starttls);
      const tls = `tls_config: {server_name: localhost, ca: ${JSON.stringify(cert)}}`;
      await transport.send(MESSAGE, serverOf(port, tls), 60_000);
      expect(received[0]).toMatchObject({ secure: true });
    });

    it('begins with TLS where it is told to', async () => {
      const port = await mailServer({ ...starttls, secure: true });
      const tls = 'force_implicit_tls: true, tls_config: {insecure_skip_verify: true}';
      await transport.send(MESSAGE, serverOf(port, tls), 60_000);
      expect(received[0]).toMatchObject({ secure: true });
    });

    it('refuses a certificate nobody vouches for', async () => {
      const port = await mailServer(starttls);
      expect(await failureOf(transport.send(MESSAGE, serverOf(port), 60_000))).toMatchObject({
        code: 'tls',
      });
      expect(received).toEqual([]);
    });

    it('refuses a server without TLS where TLS is required', async () => {
      const port = await mailServer();
      const error = await failureOf(transport.send(MESSAGE, serverOf(port), 60_000));
      expect(error.message).toMatch(/TLS|STARTTLS|500|502/i);
      expect(received).toEqual([]);
    });

    it('uses TLS that is offered though not required, whatever the certificate', async () => {
      const port = await mailServer(starttls);
      await transport.send(MESSAGE, serverOf(port, PLAIN), 60_000);
      expect(received[0]).toMatchObject({ secure: true });
    });
  });

  it.each<[string, SMTPServerOptions, string, boolean]>([
    [
      '421 as a greeting',
      { onConnect: (_, callback) => callback(refuse(421)) },
      'rate_limited',
      true,
    ],
    [
      '450 for the addressee',
      { onRcptTo: (_, __, callback) => callback(refuse(450)) },
      'rate_limited',
      true,
    ],
    [
      '550 for the addressee',
      { onRcptTo: (_, __, callback) => callback(refuse(550)) },
      'rejected',
      false,
    ],
    [
      '451 for the sender',
      { onMailFrom: (_, __, callback) => callback(refuse(451)) },
      'rate_limited',
      true,
    ],
    [
      '552 for the message',
      {
        onData: (stream, _, callback) =>
          void stream.resume().on('end', () => callback(refuse(552))),
      },
      'rejected',
      false,
    ],
  ])('understands %s', async (_, options, code, isRetryable) => {
    const port = await mailServer(options);
    const error = await failureOf(transport.send(MESSAGE, serverOf(port, PLAIN), 60_000));
    expect(error).toMatchObject({ code, isRetryable });
  });

  it('says who was refused when others were not', async () => {
    const port = await mailServer({
      onRcptTo: ({ address }, _, callback) =>
        callback(address.startsWith('dev') ? refuse(550) : null),
    });
    expect(await transport.send(MESSAGE, serverOf(port, PLAIN), 60_000)).toEqual([
      'dev@example.org',
    ]);
    expect(received[0]).toMatchObject({ to: ['ops@example.org'] });
  });

  it.each<[string, (socket: Socket) => void, string]>([
    ['never greets', () => {}, 'timeout'],
    [
      'greets one byte at a time',
      (socket) => {
        const timer = setInterval(() => socket.write('2'), 20);
        socket.on('close', () => clearInterval(timer));
      },
      'timeout',
    ],
    ['hangs after the greeting', (socket) => void socket.write('220 hello\r\n'), 'timeout'],
    ['hangs up', (socket) => socket.destroy(), 'unreachable'],
    ['talks nonsense', (socket) => void socket.end('\u0000garbage\r\n'), 'unreachable'],
  ])('fails in time when the server %s', async (_, onConnection, code) => {
    const port = await rawServer(onConnection);
    const startMs = Date.now();
    const error = await failureOf(
      transport.send(MESSAGE, serverOf(port, PLAIN), code === 'timeout' ? 300 : 60_000),
    );
    expect(error).toMatchObject({ code, isRetryable: true });
    expect(Date.now() - startMs).toBeLessThan(30_000);
  });

  it('says that nobody listens', async () => {
    expect(await failureOf(transport.send(MESSAGE, serverOf(1, PLAIN), 60_000))).toMatchObject({
      code: 'unreachable',
      message: 'connection refused',
    });
  });

  it('has nowhere to send to where the address is none', async () => {
    const port = await mailServer();
    const message = { ...MESSAGE, to: 'nobody' };
    expect(await failureOf(transport.send(message, serverOf(port, PLAIN), 60_000))).toMatchObject({
      code: 'rejected',
      isRetryable: false,
    });
  });
});
