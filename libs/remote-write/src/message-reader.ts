import { ProtobufReader } from '#libs/protobuf';
import { RemoteWriteError } from './remote-write-error.ts';

/** Reads remote-write messages. @throws RemoteWriteError where they are malformed */
export class MessageReader extends ProtobufReader {
  override fail(reason: string, offset: number): never {
    throw new RemoteWriteError('malformed_protobuf', reason, offset);
  }
}
