import { signAwsRequest } from '#libs/aws-signature';
import { readSecret } from '#libs/node-http';
import { Secret } from '#libs/yaml-config';
import type { RequestSigner } from './http-log-transport.ts';
import type { Sigv4Config } from './http-logs-config.ts';

/** Signs requests to a URL; keys in files are read for each, so that they may be replaced. */
export function sigv4Signer(url: string, config: Sigv4Config, baseDir: string): RequestSigner {
  const read = async (secret: Secret | undefined, path: string | undefined): Promise<string> => {
    if (secret !== undefined) return secret.reveal();
    return path === undefined ? '' : readSecret({ kind: 'file', path }, baseDir);
  };
  return async ({ headers, body }, nowMs) => {
    const [, contentType = ''] =
      headers.find(([name]) => name.toLowerCase() === 'content-type') ?? [];
    const { region, service, access_key: accessKey } = config;
    const sessionToken = await read(config.session_token, config.session_token_file);
    const signed = signAwsRequest(
      { url: new URL(url), body, contentType, region, service, nowMs, tellsHash: true },
      {
        accessKey,
        secretKey: await read(config.secret_key, config.secret_key_file),
        sessionToken: sessionToken === '' ? null : sessionToken,
      },
    );
    return signed.map(([name, value]) => [name, value instanceof Secret ? value.reveal() : value]);
  };
}
