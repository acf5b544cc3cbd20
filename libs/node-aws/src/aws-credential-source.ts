import { readFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import {
  AwsAnswerError,
  type AwsCredentials,
  type LentCredentials,
  readAwsProfile,
  readContainerAnswer,
  readStsAnswer,
  readStsError,
  signAwsRequest,
} from '#libs/aws-signature';
import { type HttpClientConfig, toTlsClientConfig } from '#libs/discovery';
import { errorCode } from '#libs/node-files';
import { HttpGetter, HttpPoster, readSecret } from '#libs/node-http';
import { Secret } from '#libs/yaml-config';

/** Keys that somebody has configured, read anew for each request. */
export interface AwsOwnKeys {
  readonly accessKey: string;
  readonly secretKey: () => Promise<string>;
  readonly sessionToken: () => Promise<string | null>;
}

export interface AwsCredentialSourceOptions {
  readonly region: string;
  readonly ownKeys: AwsOwnKeys | null;
  /** Of the files of AWS's programs; null for whatever there is. */
  readonly profile: string | null;
  /** Taken on with the keys that were found. */
  readonly roleArn: string | null;
  readonly externalId: string | null;
  readonly usesFips: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly userAgent: string;
}

/** There are no keys, or nobody lends any. The text is for an operator and holds no secret. */
export class AwsCredentialsError extends Error {
  override readonly name = 'AwsCredentialsError';
}

interface Held {
  readonly keys: AwsCredentials;
  /** From when on others are to be had. */
  readonly renewMs: number;
  readonly untilMs: number;
}

const FORM = 'application/x-www-form-urlencoded';
const STS_VERSION = '2011-06-15';
const LENT_SECONDS = 3_600;
/** How long before their end keys are renewed, or a quarter of their time where that is less. */
const MARGIN_MS = 5 * 60_000;
/** How long keys are kept of which nobody has said how long they are good, as those of a file. */
const UNKNOWN_MS = 60_000;
const RETRY_MS = 10_000;
const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_PROFILE_BYTES = 1024 * 1024;
const MAX_PROFILE_DEPTH = 5;
const AGENT_ADDRESS = 'http://169.254.170.2';
/** Where agents are asked without TLS. */
const AGENT_HOSTS: ReadonlySet<string> = new Set([
  'localhost',
  '169.254.170.2',
  '169.254.170.23',
  '[fd00:ec2::23]',
  '[::1]',
]);
const PLAIN: HttpClientConfig = {
  auth: { kind: 'none' },
  tls: toTlsClientConfig(undefined),
  followsRedirects: false,
  headers: [],
};

/** Finds keys for AWS, and renews those that are lent. */
export class AwsCredentialSource {
  readonly #options: AwsCredentialSourceOptions;
  #held: Held | null = null;
  #renewing: Promise<Held> | null = null;

  constructor(options: AwsCredentialSourceOptions) {
    this.#options = options;
  }

  /** Keys to sign a request with now. @throws AwsCredentialsError, SecretFileError */
  async credentials(nowMs: number): Promise<AwsCredentials> {
    const { ownKeys, roleArn } = this.#options;
    if (ownKeys !== null && roleArn === null) return keysOf(ownKeys);
    const held = this.#held;
    if (held !== null && nowMs < held.renewMs) return held.keys;
    this.#renewing ??= this.#renew(nowMs).finally(() => (this.#renewing = null));
    try {
      this.#held = await this.#renewing;
    } catch (error) {
      if (held === null || nowMs >= held.untilMs) throw error;
      // They are good yet.
      this.#held = { ...held, renewMs: nowMs + RETRY_MS };
    }
    return this.#held.keys;
  }

  async #renew(nowMs: number): Promise<Held> {
    const { roleArn, externalId } = this.#options;
    const found = await this.#find();
    const { keys, untilMs } =
      roleArn === null ? found : await this.#assume(found.keys, roleArn, externalId, nowMs);
    if (untilMs === null) {
      return { keys, renewMs: nowMs + UNKNOWN_MS, untilMs: nowMs + UNKNOWN_MS };
    }
    const margin = Math.min(MARGIN_MS, Math.max(0, untilMs - nowMs) / 4);
    return { keys, renewMs: untilMs - margin, untilMs };
  }

  async #find(): Promise<LentCredentials> {
    const { ownKeys, profile, environment } = this.#options;
    if (ownKeys !== null) return { keys: await keysOf(ownKeys), untilMs: null };
    if (profile !== null) return this.#ofProfile(profile, 0);
    const accessKey = environment['AWS_ACCESS_KEY_ID'] ?? '';
    const secretKey = environment['AWS_SECRET_ACCESS_KEY'] ?? '';
    if (accessKey !== '' && secretKey !== '') {
      const sessionToken = environment['AWS_SESSION_TOKEN'] || null;
      return { keys: { accessKey, secretKey, sessionToken }, untilMs: null };
    }
    const tokenFile = environment['AWS_WEB_IDENTITY_TOKEN_FILE'] ?? '';
    const roleArn = environment['AWS_ROLE_ARN'] ?? '';
    if (tokenFile !== '' && roleArn !== '') return this.#ofWebIdentity(tokenFile, roleArn);
    const named = environment['AWS_PROFILE'] ?? '';
    if (named !== '') return this.#ofProfile(named, 0);
    const agent = agentUrl(environment);
    if (agent === null || readAwsProfile(await this.#profileTexts(), 'default') !== null) {
      return this.#ofProfile('default', 0);
    }
    return this.#ofAgent(agent);
  }

  async #ofProfile(name: string, depth: number): Promise<LentCredentials> {
    const profile = readAwsProfile(await this.#profileTexts(), name);
    if (profile === null && name === 'default') {
      throw new AwsCredentialsError(
        'there are no AWS credentials: neither in sigv4 nor in AWS_ACCESS_KEY_ID, AWS_WEB_IDENTITY_TOKEN_FILE, ' +
          'AWS_PROFILE or AWS_CONTAINER_CREDENTIALS_FULL_URI, nor a default profile',
      );
    }
    if (profile === null) throw new AwsCredentialsError(`there is no AWS profile "${name}"`);
    const { keys, roleArn, externalId, sourceProfile, tokenFile } = profile;
    if (roleArn !== null && tokenFile !== null) return this.#ofWebIdentity(tokenFile, roleArn);
    if (roleArn !== null && sourceProfile !== null) {
      if (depth >= MAX_PROFILE_DEPTH) {
        throw new AwsCredentialsError(`the AWS profile "${name}" has too many sources`);
      }
      const isOwn = sourceProfile === name && keys !== null;
      const source = isOwn ? keys : (await this.#ofProfile(sourceProfile, depth + 1)).keys;
      return this.#assume(source, roleArn, externalId, Date.now());
    }
    if (keys !== null) return { keys, untilMs: null };
    throw new AwsCredentialsError(
      `the AWS profile "${name}" has no keys; accepted are aws_access_key_id and aws_secret_access_key, ` +
        'and role_arn with source_profile or web_identity_token_file',
    );
  }

  async #profileTexts(): Promise<string[]> {
    const { environment } = this.#options;
    const folder = join(environment['HOME'] ?? '/', '.aws');
    const texts: string[] = [];
    for (const path of [
      environment['AWS_SHARED_CREDENTIALS_FILE'] ?? join(folder, 'credentials'),
      environment['AWS_CONFIG_FILE'] ?? join(folder, 'config'),
    ]) {
      try {
        texts.push((await readFile(path, 'utf8')).slice(0, MAX_PROFILE_BYTES));
      } catch (error) {
        const code = errorCode(error);
        if (code === 'ENOENT' || code === 'ENOTDIR') continue;
        throw new AwsCredentialsError(`${path} cannot be read: ${code}`, { cause: error });
      }
    }
    return texts;
  }

  /** The token of the pod's service account proves who we are; nothing is signed. */
  async #ofWebIdentity(tokenFile: string, roleArn: string): Promise<LentCredentials> {
    const form = new URLSearchParams({
      Action: 'AssumeRoleWithWebIdentity',
      Version: STS_VERSION,
      RoleArn: roleArn,
      RoleSessionName: this.#options.environment['AWS_ROLE_SESSION_NAME'] || 'binnacle',
      DurationSeconds: String(LENT_SECONDS),
      WebIdentityToken: await readSecret({ kind: 'file', path: tokenFile }, '/'),
    });
    return this.#askSts(form, null, Date.now());
  }

  #assume(
    keys: AwsCredentials,
    roleArn: string,
    externalId: string | null,
    nowMs: number,
  ): Promise<LentCredentials> {
    const form = new URLSearchParams({
      Action: 'AssumeRole',
      Version: STS_VERSION,
      RoleArn: roleArn,
      RoleSessionName: 'binnacle',
      DurationSeconds: String(LENT_SECONDS),
      ...(externalId === null ? {} : { ExternalId: externalId }),
    });
    return this.#askSts(form, keys, nowMs);
  }

  async #askSts(
    form: URLSearchParams,
    keys: AwsCredentials | null,
    nowMs: number,
  ): Promise<LentCredentials> {
    const { region, userAgent } = this.#options;
    const url = this.#stsUrl();
    const body = form.toString();
    const request = { url, body, contentType: FORM, region, service: 'sts', nowMs };
    const headers =
      keys === null
        ? [['content-type', FORM] as const]
        : signAwsRequest(request, keys).map(
            ([name, value]) => [name, value instanceof Secret ? value.reveal() : value] as const,
          );
    const poster = new HttpPoster({ url: url.href, http: PLAIN, baseDir: '/', userAgent });
    try {
      const answer = await poster.post({
        headers,
        body,
        timeoutMs: TIMEOUT_MS,
        maxAnswerBytes: MAX_ANSWER_BYTES,
        cutsAnswer: false,
      });
      const text = answer.body.toString('utf8');
      if (answer.status === 200) return readStsAnswer(text);
      const reason = readStsError(text) ?? 'without a reason';
      throw new AwsCredentialsError(`AWS STS has answered ${answer.status}: ${reason}`);
    } catch (error) {
      throw asCredentialsError(error, `AWS STS at ${url.host}`);
    } finally {
      await poster.close();
    }
  }

  #stsUrl(): URL {
    const { environment, region, usesFips } = this.#options;
    const given = environment['AWS_ENDPOINT_URL_STS'] || environment['AWS_ENDPOINT_URL'] || '';
    if (given !== '') {
      const url = URL.parse(given);
      if (url !== null && /^https?:$/.test(url.protocol)) return url;
      throw new AwsCredentialsError('the endpoint of STS in the environment is no URL');
    }
    const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
    return new URL(`https://sts${usesFips ? '-fips' : ''}.${region}.${suffix}/`);
  }

  async #ofAgent(url: string): Promise<LentCredentials> {
    const { environment, userAgent } = this.#options;
    const file = environment['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'] ?? '';
    const token =
      file === ''
        ? (environment['AWS_CONTAINER_AUTHORIZATION_TOKEN'] ?? '')
        : await readSecret({ kind: 'file', path: file }, '/');
    const getter = new HttpGetter();
    try {
      const answer = await getter.get({
        url,
        headers: [['user-agent', userAgent]],
        credentials: token === '' ? [] : [['authorization', token]],
        timeoutMs: TIMEOUT_MS,
        maxBodyBytes: MAX_ANSWER_BYTES,
        followsRedirects: false,
      });
      if (answer.status === 200) return readContainerAnswer(answer.body.toString('utf8'));
      throw new AwsCredentialsError(`the container’s agent has answered ${answer.status}`);
    } catch (error) {
      throw asCredentialsError(error, 'the container’s agent');
    } finally {
      await getter.close();
    }
  }
}

async function keysOf({ accessKey, secretKey, sessionToken }: AwsOwnKeys): Promise<AwsCredentials> {
  return { accessKey, secretKey: await secretKey(), sessionToken: await sessionToken() };
}

/** @returns null where the environment names no agent. @throws AwsCredentialsError for one that nobody is to be sent to */
function agentUrl(environment: AwsCredentialSourceOptions['environment']): string | null {
  const relative = environment['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'] ?? '';
  const full = environment['AWS_CONTAINER_CREDENTIALS_FULL_URI'] ?? '';
  if (relative === '' && full === '') return null;
  const url = relative === '' ? URL.parse(full) : URL.parse(relative, AGENT_ADDRESS);
  const isLocal =
    url !== null &&
    (AGENT_HOSTS.has(url.hostname) || (isIPv4(url.hostname) && url.hostname.startsWith('127.')));
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLocal)) return url.href;
  throw new AwsCredentialsError(
    'AWS_CONTAINER_CREDENTIALS_FULL_URI is to be a URL of https, or of this machine or an agent of AWS',
  );
}

function asCredentialsError(error: unknown, who: string): AwsCredentialsError {
  if (error instanceof AwsCredentialsError) return error;
  if (error instanceof AwsAnswerError)
    return new AwsCredentialsError(error.message, { cause: error });
  const reason = error instanceof Error ? error.message : String(error);
  return new AwsCredentialsError(`${who} cannot be asked: ${reason}`, { cause: error });
}
