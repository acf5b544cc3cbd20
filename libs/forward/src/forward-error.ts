/** Bytes that are not MessagePack, or not what the forward protocol has at that place. */
export class ForwardError extends Error {
  override readonly name = 'ForwardError';
}
