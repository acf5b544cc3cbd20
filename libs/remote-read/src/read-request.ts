import { Matcher, type MatcherKind, RegExpSyntaxError } from '#libs/labels';
import { BYTES, ProtobufWriter, VARINT } from '#libs/protobuf';
import { compressBlock, RemoteWriteError, uncompressBlock } from '#libs/remote-write';
import { ReadMessage } from './read-message.ts';
import { RemoteReadError } from './remote-read-error.ts';

/** The forms of an answer, called as in `prometheus.ReadRequest.ResponseType`. */
export type ReadResponseType = 'SAMPLES' | 'STREAMED_XOR_CHUNKS';

/** One selection of series; times are milliseconds, both ends included. */
export interface ReadQuery {
  readonly startMs: number;
  readonly endMs: number;
  readonly matchers: readonly Matcher[];
}

export interface ReadRequest {
  readonly queries: readonly ReadQuery[];
  /** What the client takes, the best first. */
  readonly accepted: readonly ReadResponseType[];
}

/** What one request may ask. */
export interface ReadRequestLimits {
  /** Of the request after decompression. */
  readonly maxBytes: number;
  readonly maxQueries: number;
  /** Of all queries together. */
  readonly maxMatchers: number;
}

export const DEFAULT_READ_REQUEST_LIMITS: ReadRequestLimits = {
  maxBytes: 1_024 * 1_024,
  maxQueries: 100,
  maxMatchers: 1_000,
};

/** Fields of `prometheus.ReadRequest`, `Query` and `LabelMatcher` (prompb/remote.proto, prompb/types.proto). */
const QUERIES = 1;
const ACCEPTED = 2;
const START = 1;
const END = 2;
const MATCHERS = 3;
const MATCHER_TYPE = 1;
const MATCHER_NAME = 2;
const MATCHER_VALUE = 3;

const TYPES: readonly ReadResponseType[] = ['SAMPLES', 'STREAMED_XOR_CHUNKS'];
const KINDS: readonly MatcherKind[] = ['=', '!=', '=~', '!~'];

/**
 * Reads the body of a request. Response types that are not known are passed over, so that a younger client gets one that
 * is; hints are passed over too, since they only ever ask for less than what is answered.
 * @param body a snappy block
 * @throws RemoteReadError
 */
export function decodeReadRequest(
  body: Buffer,
  limits: ReadRequestLimits = DEFAULT_READ_REQUEST_LIMITS,
): ReadRequest {
  const reader = new ReadMessage(uncompressed(body, limits.maxBytes));
  const queries: ReadQuery[] = [];
  const accepted: ReadResponseType[] = [];
  let hasTypes = false;
  let matchersLeft = limits.maxMatchers;
  for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
    switch (tag >>> 3) {
      case QUERIES: {
        reader.expectWireType(tag, BYTES);
        if (queries.length >= limits.maxQueries) {
          throw new RemoteReadError('too_large', `more than ${limits.maxQueries} queries`);
        }
        const query = readQuery(reader, matchersLeft, limits.maxMatchers);
        matchersLeft -= query.matchers.length;
        queries.push(query);
        break;
      }
      case ACCEPTED:
        readAccepted(reader, tag, accepted);
        hasTypes = true;
        break;
      default:
        reader.skip(tag);
    }
  }
  if (hasTypes && accepted.length === 0) {
    throw new RemoteReadError(
      'unsupported_type',
      `none of the accepted response types is known here; known are ${TYPES.join(' and ')}`,
    );
  }
  return { queries, accepted };
}

/** The request as a snappy block. */
export function encodeReadRequest({ queries, accepted }: ReadRequest): Buffer {
  const writer = new ProtobufWriter();
  for (const { startMs, endMs, matchers } of queries) {
    writer.writeVarint(QUERIES * 8 + BYTES);
    const query = writer.beginMessage();
    writer.writeVarint(START * 8 + VARINT);
    writer.writeInt64(startMs);
    writer.writeVarint(END * 8 + VARINT);
    writer.writeInt64(endMs);
    for (const { kind, name, value } of matchers) {
      writer.writeVarint(MATCHERS * 8 + BYTES);
      const matcher = writer.beginMessage();
      writer.writeVarint(MATCHER_TYPE * 8 + VARINT);
      writer.writeVarint(KINDS.indexOf(kind));
      writer.writeVarint(MATCHER_NAME * 8 + BYTES);
      writer.writeString(name);
      writer.writeVarint(MATCHER_VALUE * 8 + BYTES);
      writer.writeString(value);
      writer.endMessage(matcher);
    }
    writer.endMessage(query);
  }
  for (const type of accepted) {
    writer.writeVarint(ACCEPTED * 8 + VARINT);
    writer.writeVarint(TYPES.indexOf(type));
  }
  return compressBlock(writer.written);
}

/** The type to answer with: the first known one that is accepted, `SAMPLES` where nothing is said. */
export function negotiateResponseType({ accepted }: ReadRequest): ReadResponseType {
  return accepted[0] ?? 'SAMPLES';
}

function uncompressed(body: Buffer, maxBytes: number): Buffer {
  try {
    return uncompressBlock(body, maxBytes);
  } catch (error) {
    if (!(error instanceof RemoteWriteError)) throw error;
    const code = error.code === 'too_large' ? 'too_large' : 'malformed';
    throw new RemoteReadError(code, error.message, { cause: error });
  }
}

function readAccepted(reader: ReadMessage, tag: number, accepted: ReadResponseType[]): void {
  const readOne = (): void => {
    const type = TYPES[reader.readVarint()];
    if (type !== undefined && !accepted.includes(type)) accepted.push(type);
  };
  // Packed, as protocol buffers 3 writes a list of numbers, or one by one.
  if (tag % 8 !== BYTES) {
    reader.expectWireType(tag, VARINT);
    readOne();
    return;
  }
  const outerEnd = reader.end;
  reader.end = reader.readLengthEnd();
  while (reader.position < reader.end) readOne();
  reader.end = outerEnd;
}

function readQuery(reader: ReadMessage, matchersLeft: number, maxMatchers: number): ReadQuery {
  const outerEnd = reader.end;
  reader.end = reader.readLengthEnd();
  let startMs = 0;
  let endMs = 0;
  const matchers: Matcher[] = [];
  for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
    switch (tag >>> 3) {
      case START:
        reader.expectWireType(tag, VARINT);
        startMs = reader.readInt64();
        break;
      case END:
        reader.expectWireType(tag, VARINT);
        endMs = reader.readInt64();
        break;
      case MATCHERS:
        reader.expectWireType(tag, BYTES);
        if (matchers.length >= matchersLeft) {
          throw new RemoteReadError('too_large', `more than ${maxMatchers} matchers`);
        }
        matchers.push(readMatcher(reader));
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.end = outerEnd;
  return { startMs, endMs, matchers };
}

function readMatcher(reader: ReadMessage): Matcher {
  const outerEnd = reader.end;
  const start = reader.position;
  reader.end = reader.readLengthEnd();
  let type = 0;
  let name = '';
  let value = '';
  for (let tag = reader.readTag(); tag !== 0; tag = reader.readTag()) {
    switch (tag >>> 3) {
      case MATCHER_TYPE:
        reader.expectWireType(tag, VARINT);
        type = reader.readVarint();
        break;
      case MATCHER_NAME:
        reader.expectWireType(tag, BYTES);
        name = reader.readText(reader.readLengthEnd());
        break;
      case MATCHER_VALUE:
        reader.expectWireType(tag, BYTES);
        value = reader.readText(reader.readLengthEnd());
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.end = outerEnd;
  const kind = KINDS[type];
  if (kind === undefined) reader.fail(`there is no matcher type ${type}`, start);
  try {
    return new Matcher(name, kind, value);
  } catch (error) {
    if (!(error instanceof RegExpSyntaxError)) throw error;
    throw new RemoteReadError(
      'bad_matcher',
      `matcher of ${JSON.stringify(name.slice(0, 100))}: ${error.message}`,
      {
        cause: error,
      },
    );
  }
}
