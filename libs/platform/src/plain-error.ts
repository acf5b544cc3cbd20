/**
 * A failure of the surroundings (a port in use, a folder that cannot be written to) whose message is one sentence that a
 * user can act on. It ends the process with exit code 1 and is shown without a stack.
 */
export class PlainError extends Error {
  override readonly name = 'PlainError';
}

/** The `code` of a system error, such as `EADDRINUSE`, or the empty string. */
export function errorCode(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}
