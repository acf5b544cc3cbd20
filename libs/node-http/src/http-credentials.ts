import { resolve } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import type { HttpClientConfig, SecretSource, TlsClientConfig } from '#libs/discovery';
import { errorCode, readSecretFile } from '#libs/node-files';

/** The part of Node's TLS options that a `tls_config` decides. */
export type TlsOptions = Pick<
  ConnectionOptions,
  'ca' | 'cert' | 'key' | 'servername' | 'rejectUnauthorized' | 'minVersion' | 'maxVersion'
>;

/** A secret's file that cannot be used. The message has the path, never the content. */
export class SecretFileError extends Error {
  override readonly name = 'SecretFileError';
}

/**
 * Reads secrets where they are used, so that a rotated file counts at once; a service-account token lives an hour.
 * @param baseDir what relative paths are relative to
 * @throws SecretFileError
 */
export async function readSecret(source: SecretSource, baseDir: string): Promise<string> {
  if (source.kind === 'value') return source.secret.reveal();
  return (await readFileOf(source.path, baseDir)).trim();
}

async function readFileOf(path: string, baseDir: string): Promise<string> {
  const file = resolve(baseDir, path);
  try {
    return await readSecretFile(file);
  } catch (error) {
    const reason = errorCode(error) || String(error);
    throw new SecretFileError(`unable to read ${file}: ${reason}`, { cause: error });
  }
}

/**
 * The headers that prove who we are, `Authorization` and `http_headers`.
 * @throws SecretFileError
 */
export async function credentialHeaders(
  config: HttpClientConfig,
  baseDir: string,
): Promise<readonly (readonly [string, string])[]> {
  const headers: (readonly [string, string])[] = [];
  const { auth } = config;
  if (auth.kind === 'basic') {
    const username = await readSecret(auth.username, baseDir);
    const password = auth.password === null ? '' : await readSecret(auth.password, baseDir);
    const encoded = Buffer.from(`${username}:${password}`).toString('base64');
    headers.push(['Authorization', `Basic ${encoded}`]);
  } else if (auth.kind === 'header') {
    const credentials = await readSecret(auth.credentials, baseDir);
    headers.push(['Authorization', `${auth.scheme} ${credentials}`]);
  }
  for (const { name, values } of config.headers) {
    for (const value of values) headers.push([name, await readSecret(value, baseDir)]);
  }
  return headers;
}

/**
 * What a `tls_config` means to Node. Read it again from time to time: certificates rotate.
 * @throws SecretFileError
 */
export async function tlsConnectionOptions(
  tls: TlsClientConfig,
  baseDir: string,
): Promise<TlsOptions> {
  const options: TlsOptions = { rejectUnauthorized: tls.isVerified };
  for (const name of ['ca', 'cert', 'key'] as const) {
    const source = tls[name];
    if (source === null) continue;
    options[name] =
      source.kind === 'value' ? source.secret.reveal() : await readFileOf(source.path, baseDir);
  }
  if (tls.serverName !== null) options.servername = tls.serverName;
  if (tls.minVersion !== null) options.minVersion = tls.minVersion;
  if (tls.maxVersion !== null) options.maxVersion = tls.maxVersion;
  return options;
}
