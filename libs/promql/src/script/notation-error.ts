/** A piece of a test script that cannot be read; whoever knows the line adds it. */
export class NotationError extends Error {
  override readonly name = 'NotationError';
}
