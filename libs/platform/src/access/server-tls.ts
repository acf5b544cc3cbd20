import { resolve } from 'node:path';
import { createSecureContext, type TLSSocket } from 'node:tls';
import { readSecretFile } from '#libs/node-files';
import { z } from 'zod';
import { PlainError } from '../plain-error.ts';

/** What becomes of clients' certificates, in the words of Prometheus's web configuration. */
const CLIENT_AUTH_TYPES = [
  'NoClientCert',
  'RequestClientCert',
  'RequireAnyClientCert',
  'VerifyClientCertIfGiven',
  'RequireAndVerifyClientCert',
] as const;

type ClientAuthType = (typeof CLIENT_AUTH_TYPES)[number];

const VERSIONS = { TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const;

const file = z.string().min(1);

/** `tls`: without it the server speaks plain HTTP. */
export const serverTlsSchema = z
  .strictObject({
    cert_file: file,
    key_file: file,
    /** Who signs the certificates that clients show. */
    client_ca_file: file.optional(),
    client_auth_type: z
      .enum(CLIENT_AUTH_TYPES, { error: `accepted are ${CLIENT_AUTH_TYPES.join(', ')}` })
      .optional(),
    min_version: z
      .enum(['TLS12', 'TLS13'], { error: 'accepted are TLS12, TLS13' })
      .default('TLS12'),
  })
  .superRefine(({ client_ca_file: ca, client_auth_type: type }, context) => {
    if (ca === undefined && type !== undefined && verifies(type)) {
      const message = `${type} needs client_ca_file`;
      context.addIssue({ code: 'custom', message, path: ['client_auth_type'] });
    }
    if (ca !== undefined && (type === undefined || !verifies(type))) {
      const message =
        'is looked at only with client_auth_type VerifyClientCertIfGiven or RequireAndVerifyClientCert';
      context.addIssue({ code: 'custom', message, path: ['client_ca_file'] });
    }
  })
  .optional();

export type ServerTlsConfig = NonNullable<z.output<typeof serverTlsSchema>>;

/** As Node's servers want it; PEM texts. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
  readonly requestCert: boolean;
  /** Always false: {@link refusesClient} knows more cases. */
  readonly rejectUnauthorized: false;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly handshakeTimeout: number;
}

const HANDSHAKE_MS = 10_000;

/** The files with certificates, as absolute paths. */
export function tlsFiles(config: ServerTlsConfig, folder: string): string[] {
  const { cert_file: cert, key_file: key, client_ca_file: ca } = config;
  return [cert, key, ...(ca === undefined ? [] : [ca])].map((path) => resolve(folder, path));
}

/**
 * Reads the files and sees that they go together.
 * @param folder that relative paths start from
 * @throws PlainError for a file that cannot be read, or that holds no certificate or no key for it
 */
export async function readServerTls(config: ServerTlsConfig, folder: string): Promise<ServerTls> {
  const [cert, key, ca] = await Promise.all(
    tlsFiles(config, folder).map((path) =>
      readSecretFile(path).catch((error: unknown) => {
        throw new PlainError(`tls: cannot read ${path}.`, { cause: error });
      }),
    ),
  );
  const tls: ServerTls = {
    cert: cert!,
    key: key!,
    ...(ca !== undefined && { ca }),
    requestCert: asksForCert(config.client_auth_type),
    rejectUnauthorized: false,
    minVersion: VERSIONS[config.min_version],
    handshakeTimeout: HANDSHAKE_MS,
  };
  try {
    createSecureContext(tls);
  } catch (error) {
    const names = tlsFiles(config, folder).join(', ');
    const reason = error instanceof Error ? error.message : String(error);
    throw new PlainError(`tls: ${names}: ${reason}.`, { cause: error });
  }
  return tls;
}

/** The certificates that a server starts with, or null where it speaks plain HTTP. @throws as {@link readServerTls} */
export async function readTlsAtStart(
  { tls }: { readonly tls?: ServerTlsConfig | undefined },
  folder: string,
): Promise<ServerTls | null> {
  return tls === undefined ? null : readServerTls(tls, folder);
}

/** Whether clients are asked for a certificate at all, which a server is told once. */
export function asksForCert(type: ClientAuthType | undefined): boolean {
  return type !== undefined && type !== 'NoClientCert';
}

/** Whether a connection ends after its handshake, for what its client has shown. */
export function refusesClient(type: ClientAuthType | undefined, socket: TLSSocket): boolean {
  if (type === undefined || !asksForCert(type) || type === 'RequestClientCert') return false;
  const hasCert = socket.getPeerX509Certificate() !== undefined;
  if (!hasCert) return type !== 'VerifyClientCertIfGiven';
  return verifies(type) && !socket.authorized;
}

function verifies(type: ClientAuthType): boolean {
  return type === 'VerifyClientCertIfGiven' || type === 'RequireAndVerifyClientCert';
}
