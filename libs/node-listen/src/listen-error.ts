import type { ListenAt } from './listen-at.ts';

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use by another program',
  EACCES: 'this user may not use the port',
  EADDRNOTAVAIL: 'this machine does not have the address',
  ENOTFOUND: 'the host name is not known',
};

/** An address cannot be listened on. */
export class ListenError extends Error {
  override readonly name = 'ListenError';

  constructor({ host, port }: ListenAt, cause: unknown) {
    const reason =
      REASONS[codeOf(cause)] ?? (cause instanceof Error ? cause.message : String(cause));
    super(`cannot listen on ${host}:${port}: ${reason}`, { cause });
  }
}

function codeOf(cause: unknown): string {
  return typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : '';
}
