import { isUtf8 } from 'node:buffer';
import { ungzip } from './decode-push.ts';
import { type LineBatch, LineBatchBuilder } from './line-batch.ts';
import { writeMetadata } from './line-metadata.ts';
import { Nanos } from './nanos.ts';
import { DEFAULT_PUSH_LIMITS, PushError, type PushLimits, tooMany } from './push-error.ts';
import { labelsOf } from './stream-text.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Decodes Loki's push in JSON: `{"streams": [{"stream": {…}, "values": [["<nanoseconds>", "<line>", {…}], …]}, …]}`. The third
 * part of a value, structured metadata, may be left out.
 * @throws PushError
 */
export function decodePushJson(
  body: Buffer,
  isGzipped: boolean,
  limits: PushLimits = DEFAULT_PUSH_LIMITS,
): LineBatch {
  const bytes = ungzip(body, isGzipped);
  if (!isUtf8(bytes)) throw malformed('the body is not UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new PushError('malformed_push', `no JSON: ${reason.slice(0, 200)}`, { cause: error });
  }
  const streams = objectOf(value, 'the push')['streams'];
  if (!Array.isArray(streams)) throw malformed('streams is no array');
  if (streams.length > limits.maxStreams) throw tooMany('streams', limits.maxStreams);
  return readStreams(streams, bytes.length, limits);
}

function readStreams(
  streams: readonly unknown[],
  bytes: number,
  { maxLines }: PushLimits,
): LineBatch {
  // Text of JSON takes as many bytes as it is written with, or fewer; a lone surrogate, written with six, takes three.
  const lines = Buffer.allocUnsafe(bytes);
  const builder = new LineBatchBuilder(lines);
  const time = new Nanos();
  let at = 0;
  for (const stream of streams) {
    const { stream: labels, values } = objectOf(stream, 'a stream');
    builder.beginStream(labelsOf(textPairs(labels, 'stream')));
    if (!Array.isArray(values)) throw malformed('values is no array');
    for (const value of values as readonly unknown[]) {
      if (!Array.isArray(value)) throw malformed('a value is no array of time and line');
      const [timeText, line, metadata] = value as readonly unknown[];
      if (typeof timeText !== 'string' || !time.setDigits(timeText)) {
        throw malformed(`${shown(timeText)} is no time; accepted are nanoseconds as a string`);
      }
      if (typeof line !== 'string') throw malformed('a line is no string');
      if (builder.count >= maxLines) throw tooMany('lines', maxLines);
      const start = builder.metadata.length;
      if (metadata !== undefined && metadata !== null) {
        const pairs = textPairs(metadata, 'structured metadata');
        if (pairs.length > 0) writeMetadata(builder.metadata, new Map(pairs));
      }
      const end = at + lines.write(line, at, 'utf8');
      builder.add(time.low, time.high, at, end, start, builder.metadata.length);
      at = end;
    }
  }
  return builder.build();
}

function textPairs(value: unknown, what: string): [string, string][] {
  return Object.entries(objectOf(value, what)).map(([name, text]) => {
    if (typeof text !== 'string') throw malformed(`${what}: ${shown(name)} is no string`);
    return [name, text];
  });
}

function objectOf(value: unknown, what: string): Fields {
  if (!isFields(value)) throw malformed(`${what} is no object`);
  return value;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : `a ${typeof value}`;
}

function malformed(reason: string): PushError {
  return new PushError('malformed_push', reason);
}
