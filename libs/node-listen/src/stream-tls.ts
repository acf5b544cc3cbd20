/** Certificates as PEM text. */
export interface StreamTls {
  readonly cert: string;
  readonly key: string;
  /** Who signs the certificates that clients must show; null where they need none. */
  readonly clientCa: string | null;
}

/** As Node's servers want it. */
export function tlsOptions({ cert, key, clientCa }: StreamTls): {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
  readonly requestCert: boolean;
  readonly rejectUnauthorized: boolean;
} {
  const asksForCert = clientCa !== null;
  return {
    cert,
    key,
    ...(asksForCert && { ca: clientCa }),
    requestCert: asksForCert,
    rejectUnauthorized: asksForCert,
  };
}
