import type { WriteMessage } from '#libs/remote-write';

const ACCEPTED_TYPES =
  'accepted are application/x-protobuf and application/x-protobuf;proto=io.prometheus.write.v2.Request';

/** Either what a request holds, or why it cannot be read: the text of an answer 415. */
export type MessageType = { readonly message: WriteMessage } | { readonly refusal: string };

/**
 * Which message a remote-write request holds, by its headers: remote write 2.0, section "Protocol". Without a type it is
 * the message of 1.0; the only compression is snappy, which may go unsaid.
 */
export function messageTypeOf(
  contentType: string | undefined,
  contentEncoding: string | undefined,
): MessageType {
  const encoding = (contentEncoding ?? '').trim().toLowerCase();
  if (encoding !== '' && encoding !== 'snappy') {
    return { refusal: `unsupported Content-Encoding ${shown(encoding)}; accepted is snappy` };
  }
  const [mediaType = '', ...parameters] = (contentType ?? '').split(';').map((part) => part.trim());
  if (mediaType !== '' && mediaType.toLowerCase() !== 'application/x-protobuf') {
    return { refusal: `unsupported Content-Type ${shown(mediaType)}; ${ACCEPTED_TYPES}` };
  }
  const proto = parameters
    .find((parameter) => /^proto=/i.test(parameter))
    ?.slice('proto='.length)
    .replaceAll('"', '');
  switch (proto) {
    case undefined:
    case 'prometheus.WriteRequest':
      return { message: 'prometheus.WriteRequest' };
    case 'io.prometheus.write.v2.Request':
      return { message: proto };
    default:
      return { refusal: `unsupported message ${shown(proto)}; ${ACCEPTED_TYPES}` };
  }
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
