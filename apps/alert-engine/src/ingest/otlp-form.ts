import type { IncomingMessage } from 'node:http';
import type { OtlpEncoding, OtlpForm } from '#libs/otlp';

const ENCODINGS: Readonly<Record<string, OtlpEncoding>> = {
  'application/x-protobuf': 'protobuf',
  'application/json': 'json',
};

/** How a request is written, or why it cannot be read: the text of an answer 415. */
export type OtlpFormOrRefusal = OtlpForm | { readonly refusal: string };

/** How an OTLP request is written, by its headers: OTLP 1.x, section "OTLP/HTTP Request". */
export function otlpFormOf(
  contentType: string | undefined,
  contentEncoding: string | undefined,
): OtlpFormOrRefusal {
  const encoding = otlpEncodingOf(contentType);
  if (encoding === null) {
    return {
      refusal:
        `unsupported Content-Type ${shown(contentType ?? '')}; ` +
        `accepted are ${Object.keys(ENCODINGS).join(' and ')}`,
    };
  }
  const compression = (contentEncoding ?? '').trim().toLowerCase();
  if (compression !== '' && compression !== 'identity' && compression !== 'gzip') {
    return { refusal: `unsupported Content-Encoding ${shown(compression)}; accepted is gzip` };
  }
  return { encoding, isGzipped: compression === 'gzip' };
}

/** The encoding that a Content-Type names, or null for any other. */
export function otlpEncodingOf(contentType: string | undefined): OtlpEncoding | null {
  const [mediaType = ''] = (contentType ?? '').split(';', 1);
  const name = mediaType.trim().toLowerCase();
  return Object.hasOwn(ENCODINGS, name) ? ENCODINGS[name]! : null;
}

/** The media type of an encoding. */
export function mediaTypeOf(encoding: OtlpEncoding): string {
  return encoding === 'json' ? 'application/json' : 'application/x-protobuf';
}

const forms = new WeakMap<IncomingMessage, OtlpForm>();

/**
 * Keeps how a request is written for whoever answers it, and has its body read as bytes: the server would parse JSON
 * itself, without this protocol's bounds and errors.
 */
export function readAsBytes(request: IncomingMessage, form: OtlpForm): void {
  forms.set(request, form);
  request.headers['content-type'] = 'application/octet-stream';
}

/** How a request is written that {@link readAsBytes} has seen. */
export function keptFormOf(request: IncomingMessage): OtlpForm | null {
  return forms.get(request) ?? null;
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
