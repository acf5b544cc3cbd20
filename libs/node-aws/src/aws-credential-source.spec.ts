import { createHash, createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AwsCredentialSource, type AwsCredentialSourceOptions, type AwsOwnKeys } from './index.ts';

const HOUR_MS = 3_600_000;
const ROLE = 'arn:aws:iam::111122223333:role/logs';

/** STS and the agent beside a container, which lend keys to those that ask as AWS says. */
class StandIn {
  readonly asked: string[] = [];
  readonly secrets = new Map([['AKBASE', 'base-secret']]);
  token = 'token-1';
  untilMs = Date.now() + HOUR_MS;
  isAway = false;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const [status, body] = this.isAway
      ? [503, '']
      : request.method === 'GET'
        ? this.#lend(request)
        : this.#exchange(request, Buffer.concat(parts).toString());
    response.writeHead(status).end(body);
  }

  #lend({ url, headers }: IncomingMessage): [number, string] {
    if (headers.authorization !== this.token) return [401, ''];
    this.asked.push(`agent ${url}`);
    const until = new Date(this.untilMs).toISOString();
    const keys = { AccessKeyId: 'AKAGENT', SecretAccessKey: 's', Token: 't', Expiration: until };
    return [200, JSON.stringify(keys)];
  }

  #exchange(request: IncomingMessage, body: string): [number, string] {
    const form = new URLSearchParams(body);
    const action = form.get('Action');
    const isForm = request.headers['content-type'] === 'application/x-www-form-urlencoded';
    const isKnown = isForm && form.get('Version') === '2011-06-15' && form.get('RoleArn') === ROLE;
    if (!isKnown || form.get('RoleSessionName') === null) return refusal('ValidationError', 'form');
    if (action === 'AssumeRoleWithWebIdentity') {
      if (request.headers.authorization !== undefined) return refusal('AccessDenied', 'signed');
      if (form.get('WebIdentityToken') !== this.token) {
        return refusal('InvalidIdentityToken', 'No OpenIDConnect provider');
      }
    } else if (action !== 'AssumeRole' || !this.#isSigned(request, body)) {
      return refusal('SignatureDoesNotMatch', 'The signature is another');
    }
    this.asked.push([action, form.get('ExternalId')].filter((part) => part !== null).join(' '));
    const key = `AKLENT${this.asked.length}`;
    return [
      200,
      `<R xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result><Credentials>` +
        `<AccessKeyId>${key}</AccessKeyId><SecretAccessKey>lent</SecretAccessKey>` +
        `<SessionToken>session</SessionToken><Expiration>${new Date(this.untilMs).toISOString()}</Expiration>` +
        `</Credentials></${action}Result></R>`,
    ];
  }

  /** Computed apart from what signs. */
  #isSigned({ headers }: IncomingMessage, body: string): boolean {
    const match =
      /^AWS4-HMAC-SHA256 Credential=(\w+)\/((\d{8})\/eu-central-1\/sts\/aws4_request), SignedHeaders=(\S+), Signature=(\w+)$/.exec(
        headers.authorization ?? '',
      );
    const secret = this.secrets.get(match?.[1] ?? '');
    if (match === null || secret === undefined) return false;
    const [, , scope, day, names, signature] = match as unknown as string[];
    const lines = names!.split(';').map((name) => `${name}:${String(headers[name])}`);
    const canonical = ['POST', '/', '', ...lines, '', names, hash(body)].join('\n');
    const time = String(headers['x-amz-date']);
    let key: string | Buffer = `AWS4${secret}`;
    for (const part of [day!, 'eu-central-1', 'sts', 'aws4_request']) {
      key = createHmac('sha256', key).update(part).digest();
    }
    const text = ['AWS4-HMAC-SHA256', time, scope, hash(canonical)].join('\n');
    return createHmac('sha256', key).update(text).digest('hex') === signature;
  }
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function refusal(code: string, message: string): [number, string] {
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`;
  return [403, `<ErrorResponse>${error}</ErrorResponse>`];
}

let folder: string;
let aws: StandIn;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'node-aws-'));
  aws = new StandIn();
  await aws.listen();
});
afterEach(async () => {
  await aws.close();
  rmSync(folder, { recursive: true, force: true });
});

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function source(
  environment: Readonly<Record<string, string>>,
  over: Partial<AwsCredentialSourceOptions> = {},
): AwsCredentialSource {
  return new AwsCredentialSource({
    region: 'eu-central-1',
    ownKeys: null,
    profile: null,
    roleArn: null,
    externalId: null,
    usesFips: false,
    environment: { HOME: folder, AWS_ENDPOINT_URL_STS: aws.url, ...environment },
    userAgent: 'test',
    ...over,
  });
}

const irsa = (): Record<string, string> => ({
  AWS_WEB_IDENTITY_TOKEN_FILE: file('token', 'token-1\n'),
  AWS_ROLE_ARN: ROLE,
});

const OWN: AwsOwnKeys = {
  accessKey: 'AKBASE',
  secretKey: () => Promise.resolve('base-secret'),
  sessionToken: () => Promise.resolve(null),
};

describe('a web identity', () => {
  it('is exchanged once for keys that are renewed before they end, with the token of then', async () => {
    const found = source(irsa());
    const nowMs = Date.now();
    const all = await Promise.all([found.credentials(nowMs), found.credentials(nowMs)]);
    expect(all.map(({ accessKey }) => accessKey)).toEqual(['AKLENT1', 'AKLENT1']);
    expect(all[0]).toMatchObject({ secretKey: 'lent', sessionToken: 'session' });
    expect((await found.credentials(nowMs + HOUR_MS - 6 * 60_000)).accessKey).toBe('AKLENT1');
    aws.token = 'token-2';
    file('token', 'token-2\n');
    aws.untilMs += HOUR_MS;
    expect((await found.credentials(nowMs + HOUR_MS - 4 * 60_000)).accessKey).toBe('AKLENT2');
    expect(aws.asked).toEqual(['AssumeRoleWithWebIdentity', 'AssumeRoleWithWebIdentity']);
  });

  it('keeps its keys to their end where STS is away, and says so after it', async () => {
    const found = source(irsa());
    const nowMs = Date.now();
    await found.credentials(nowMs);
    aws.isAway = true;
    expect((await found.credentials(nowMs + HOUR_MS - 60_000)).accessKey).toBe('AKLENT1');
    await expect(found.credentials(nowMs + HOUR_MS + 1_000)).rejects.toThrow(
      'AWS STS has answered 503: without a reason',
    );
    aws.isAway = false;
    aws.untilMs += 2 * HOUR_MS;
    expect((await found.credentials(nowMs + HOUR_MS + 2_000)).accessKey).toBe('AKLENT2');
  });

  it('tells why it was refused, and no secret', async () => {
    aws.token = 'another';
    await expect(source(irsa()).credentials(Date.now())).rejects.toThrow(
      'AWS STS has answered 403: InvalidIdentityToken: No OpenIDConnect provider',
    );
  });
});

describe('a role', () => {
  it('is taken on with keys that are configured', async () => {
    const found = source({}, { ownKeys: OWN, roleArn: ROLE, externalId: 'ext' });
    expect((await found.credentials(Date.now())).accessKey).toBe('AKLENT1');
    expect(aws.asked).toEqual(['AssumeRole ext']);
  });

  it('is refused to the wrong keys', async () => {
    const ownKeys = { ...OWN, secretKey: () => Promise.resolve('wrong') };
    const found = source({}, { ownKeys, roleArn: ROLE });
    await expect(found.credentials(Date.now())).rejects.toThrow('SignatureDoesNotMatch');
  });

  it('of a profile is taken on with the keys of another', async () => {
    const environment = {
      AWS_SHARED_CREDENTIALS_FILE: file(
        'credentials',
        '[default]\naws_access_key_id = AKOTHER\naws_secret_access_key=x\n\n# ours\n[base]\naws_access_key_id = AKBASE\naws_secret_access_key = base-secret\n',
      ),
      AWS_CONFIG_FILE: file(
        'config',
        `[profile logs]\nrole_arn = ${ROLE}\nsource_profile = base\n`,
      ),
    };
    const found = source(environment, { profile: 'logs' });
    expect((await found.credentials(Date.now())).accessKey).toBe('AKLENT1');
    expect((await source(environment).credentials(Date.now())).accessKey).toBe('AKOTHER');
    const missing = source(environment, { profile: 'none' }).credentials(Date.now());
    await expect(missing).rejects.toThrow('there is no AWS profile "none"');
  });

  it('of a profile that is its own source at last is given up', async () => {
    const config = `[profile a]\nrole_arn = ${ROLE}\nsource_profile = b\n[profile b]\nrole_arn = ${ROLE}\nsource_profile = a\n`;
    const found = source({ AWS_CONFIG_FILE: file('config', config) }, { profile: 'a' });
    await expect(found.credentials(Date.now())).rejects.toThrow('has too many sources');
  });
});

describe('an agent beside the container', () => {
  it('lends keys to who has its token', async () => {
    const environment = {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${aws.url}/v1/credentials`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file('agent-token', 'token-1'),
    };
    expect(await source(environment).credentials(Date.now())).toEqual({
      accessKey: 'AKAGENT',
      secretKey: 's',
      sessionToken: 't',
    });
    expect(aws.asked).toEqual(['agent /v1/credentials']);
    aws.token = 'another';
    await expect(source(environment).credentials(Date.now())).rejects.toThrow(
      'the container’s agent has answered 401',
    );
  });

  it.each(['http://agent.example.com/keys', 'http://127.0.0.1.example.com/keys'])(
    'elsewhere is not asked without TLS: %s',
    async (url) => {
      const environment = { AWS_CONTAINER_CREDENTIALS_FULL_URI: url };
      await expect(source(environment).credentials(Date.now())).rejects.toThrow(
        'to be a URL of https, or of this machine or an agent of AWS',
      );
    },
  );
});

describe('keys', () => {
  it('of the environment count before what is lent', async () => {
    const keys = { AWS_ACCESS_KEY_ID: 'AKENV', AWS_SECRET_ACCESS_KEY: 'e' };
    expect(await source({ ...irsa(), ...keys }).credentials(Date.now())).toEqual({
      accessKey: 'AKENV',
      secretKey: 'e',
      sessionToken: null,
    });
    expect(aws.asked).toEqual([]);
  });

  it('that are nowhere are asked for', async () => {
    await expect(source({}).credentials(Date.now())).rejects.toThrow(
      'there are no AWS credentials: neither in sigv4 nor in',
    );
  });
});
