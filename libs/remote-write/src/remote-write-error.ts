/** What is wrong with a remote-write body; the set is closed because it becomes a metric label. */
export type RemoteWriteFailure = 'malformed_snappy' | 'malformed_protobuf' | 'too_large';

/** A remote-write body that cannot be read as a whole. `offset` is in the decompressed message. */
export class RemoteWriteError extends Error {
  override readonly name = 'RemoteWriteError';
  readonly code: RemoteWriteFailure;
  readonly offset: number;
  constructor(code: RemoteWriteFailure, reason: string, offset: number, options?: ErrorOptions) {
    super(code === 'malformed_protobuf' ? `byte ${offset}: ${reason}` : reason, options);
    this.code = code;
    this.offset = offset;
  }
}
