/**
 * A failure of the surroundings (a port in use, a folder that cannot be written to) whose message is one sentence that a
 * user can act on. It ends the process with exit code 1 and is shown without a stack.
 */
export class PlainError extends Error {
  override readonly name = 'PlainError';
}
