import type { SecureContextOptions } from 'node:tls';
import type { TlsConfig } from '#libs/dispatch';
import type { FileSecretReader } from './file-secret-reader.ts';

/** The part of Node's options that a `tls_config` speaks about. */
export interface TlsOptions extends SecureContextOptions {
  rejectUnauthorized: boolean;
  servername?: string;
}

/** What a `tls_config` means to Node; its files are read anew. @throws DeliveryError `misconfigured` */
export async function readTlsOptions(tls: TlsConfig, files: FileSecretReader): Promise<TlsOptions> {
  const options: TlsOptions = { rejectUnauthorized: !tls.skipsVerification };
  const ca = tls.ca ?? (tls.caFile === null ? null : await files.readFile(tls.caFile));
  const cert = tls.cert ?? (tls.certFile === null ? null : await files.readFile(tls.certFile));
  if (ca !== null) options.ca = ca;
  if (cert !== null) options.cert = cert;
  if (tls.key !== null) options.key = (await files.read(tls.key)).reveal();
  if (tls.serverName !== null) options.servername = tls.serverName;
  if (tls.minVersion !== null) options.minVersion = tls.minVersion;
  if (tls.maxVersion !== null) options.maxVersion = tls.maxVersion;
  return options;
}
