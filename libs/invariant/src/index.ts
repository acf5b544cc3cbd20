/** Thrown when the program contradicts itself: a bug, never a consequence of input. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/**
 * Fails with a bug report when `condition` does not hold.
 * @throws InvariantError, which nothing but the process's last handler should catch
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** Marks a branch the types prove unreachable. @throws InvariantError if it is reached */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${String(value)}`);
}
