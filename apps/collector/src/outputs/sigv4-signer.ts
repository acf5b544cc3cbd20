import { signAwsRequest } from '#libs/aws-signature';
import { AwsCredentialsError, AwsCredentialSource } from '#libs/node-aws';
import { readSecret } from '#libs/node-http';
import { Secret } from '#libs/yaml-config';
import type { Environment } from '../config/collector-config.ts';
import type { Sigv4Keys } from './sigv4-config.ts';

/** The headers that sign a body which is to be posted now. */
export type BodySigner = (
  body: { readonly body: Buffer | string; readonly contentType: string },
  nowMs: number,
) => Promise<readonly (readonly [string, string])[]>;

export interface Sigv4SignerOptions {
  readonly url: string;
  /** `es`, `aoss`, `aps`. */
  readonly service: string;
  readonly keys: Sigv4Keys;
  /** What relative paths of secret files are relative to. */
  readonly baseDir: string;
  readonly userAgent: string;
  readonly environment: Environment;
}

/** Signs requests to a URL; keys in files are read for each, so that they may be replaced. */
export function sigv4Signer(options: Sigv4SignerOptions): BodySigner {
  const { service, keys, baseDir, environment, userAgent } = options;
  const url = new URL(options.url);
  const region =
    keys.region ?? environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION'] ?? '';
  const read = async (secret: Secret | undefined, path: string | undefined): Promise<string> => {
    if (secret !== undefined) return secret.reveal();
    return path === undefined ? '' : readSecret({ kind: 'file', path }, baseDir);
  };
  const source = new AwsCredentialSource({
    region,
    ownKeys:
      keys.access_key === undefined
        ? null
        : {
            accessKey: keys.access_key,
            secretKey: () => read(keys.secret_key, keys.secret_key_file),
            sessionToken: async () =>
              (await read(keys.session_token, keys.session_token_file)) || null,
          },
    profile: keys.profile ?? null,
    roleArn: keys.role_arn ?? null,
    externalId: keys.external_id ?? null,
    usesFips: keys.use_fips_sts_endpoint,
    environment,
    userAgent,
  });
  return async ({ body, contentType }, nowMs) => {
    if (!/^[a-z0-9-]{1,40}$/.test(region)) {
      throw new AwsCredentialsError('the AWS region is not known; give sigv4.region');
    }
    const signed = signAwsRequest(
      { url, body, contentType, region, service, nowMs, tellsHash: true },
      await source.credentials(nowMs),
    );
    return signed.map(([name, value]) => [name, value instanceof Secret ? value.reveal() : value]);
  };
}
