/** A message that is no protocol buffers. `offset` is the byte of the message at which that shows. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';
  readonly offset: number;
  constructor(reason: string, offset: number) {
    super(`byte ${offset}: ${reason}`);
    this.offset = offset;
  }
}
