import { ProtobufReader } from '#libs/protobuf';
import { RemoteReadError } from './remote-read-error.ts';

/** A reader whose error is {@link RemoteReadError}. */
export class ReadMessage extends ProtobufReader {
  override fail(reason: string, offset: number): never {
    throw new RemoteReadError('malformed', `byte ${offset}: ${reason}`);
  }

  /** A string that has to be UTF-8. */
  readText(end: number): string {
    const { bytes, position } = this;
    const text = bytes.toString('utf8', position, end);
    if (text.includes('\ufffd') && !bytes.subarray(position, end).equals(Buffer.from(text))) {
      this.fail('a string is not UTF-8', position);
    }
    this.position = end;
    return text;
  }
}
