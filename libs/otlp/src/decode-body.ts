import { isUtf8 } from 'node:buffer';
import { gunzipSync } from 'node:zlib';
import { decodeOtlpJson, decodeOtlpLogsJson } from './decode-json.ts';
import { decodeOtlpLogsProtobuf, decodeOtlpProtobuf } from './decode-protobuf.ts';
import type { OtlpEncoding } from './export-answer.ts';
import type { LogsRequest } from './logs-request.ts';
import type { MetricsRequest } from './metrics-request.ts';
import { DEFAULT_OTLP_LIMITS, OtlpError, type OtlpLimits } from './otlp-error.ts';

const MIB = 1024 * 1024;

/** Largest request after decompression. JSON is less, since it takes more to parse. */
export const MAX_OTLP_BYTES: Readonly<Record<OtlpEncoding, number>> = {
  protobuf: 32 * MIB,
  json: 8 * MIB,
};

/** How a request is written, as its headers say. */
export interface OtlpForm {
  readonly encoding: OtlpEncoding;
  readonly isGzipped: boolean;
}

/**
 * Decompresses and decodes the body of a request. What unpacks to more than {@link MAX_OTLP_BYTES} is given up there.
 * @throws OtlpError when it is no such message or too large; nothing of it is usable then
 */
export function decodeOtlpBody(
  body: Buffer,
  form: OtlpForm,
  limits: OtlpLimits = DEFAULT_OTLP_LIMITS,
): MetricsRequest {
  const content = contentOf(body, form);
  return typeof content === 'string'
    ? decodeOtlpJson(content, limits)
    : decodeOtlpProtobuf(content, limits);
}

/**
 * As {@link decodeOtlpBody}, of a request with logs.
 * @throws OtlpError when it is no such message or too large; nothing of it is usable then
 */
export function decodeOtlpLogsBody(
  body: Buffer,
  form: OtlpForm,
  limits: OtlpLimits = DEFAULT_OTLP_LIMITS,
): LogsRequest {
  const content = contentOf(body, form);
  return typeof content === 'string'
    ? decodeOtlpLogsJson(content, limits)
    : decodeOtlpLogsProtobuf(content, limits);
}

/** JSON as text, protocol buffers as bytes. */
function contentOf(body: Buffer, { encoding, isGzipped }: OtlpForm): string | Buffer {
  const maxBytes = MAX_OTLP_BYTES[encoding];
  if (body.length > maxBytes) throw tooLarge(maxBytes);
  const bytes = isGzipped ? gunzip(body, maxBytes) : body;
  if (encoding === 'protobuf') return bytes;
  if (!isUtf8(bytes)) throw new OtlpError('malformed_json', 'the body is not UTF-8');
  return bytes.toString('utf8');
}

function gunzip(body: Buffer, maxBytes: number): Buffer {
  try {
    return gunzipSync(body, { maxOutputLength: maxBytes });
  } catch (error) {
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : '';
    if (code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes, { cause: error });
    throw new OtlpError('malformed_gzip', `the body is no gzip: ${String(code)}`, { cause: error });
  }
}

function tooLarge(maxBytes: number, options?: ErrorOptions): OtlpError {
  const text = `the request has more than ${maxBytes} bytes, which is the most that is accepted`;
  return new OtlpError('too_large', text, options);
}
