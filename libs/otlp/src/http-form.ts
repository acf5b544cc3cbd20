import type { OtlpForm } from './decode-body.ts';
import type { OtlpEncoding } from './export-answer.ts';

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

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
