import type { IncomingMessage } from 'node:http';

/** How a push is written. */
export interface PushForm {
  readonly encoding: 'protobuf' | 'json';
  readonly isGzipped: boolean;
}

const ACCEPTED =
  'accepted are application/x-protobuf with snappy and application/json, plain or with gzip';

const forms = new WeakMap<IncomingMessage, PushForm>();

/** How a push is written by its headers, or why it cannot be read: the text of an answer 415. */
export function pushFormOf(
  contentType: string | undefined,
  contentEncoding: string | undefined,
): PushForm | { readonly refusal: string } {
  const [mediaType = ''] = (contentType ?? '').split(';');
  const type = mediaType.trim().toLowerCase();
  const encoding = (contentEncoding ?? '').trim().toLowerCase();
  switch (type) {
    case '':
    case 'application/x-protobuf':
      return encoding === '' || encoding === 'snappy'
        ? { encoding: 'protobuf', isGzipped: false }
        : { refusal: `unsupported Content-Encoding ${shown(encoding)}; ${ACCEPTED}` };
    case 'application/json':
      return encoding === '' || encoding === 'gzip'
        ? { encoding: 'json', isGzipped: encoding === 'gzip' }
        : { refusal: `unsupported Content-Encoding ${shown(encoding)}; ${ACCEPTED}` };
    default:
      return { refusal: `unsupported Content-Type ${shown(type)}; ${ACCEPTED}` };
  }
}

/** Keeps how a request is written for whoever answers it, and has its body read as bytes. */
export function keepPushForm(request: IncomingMessage, form: PushForm): void {
  forms.set(request, form);
  request.headers['content-type'] = 'application/octet-stream';
}

/** How a request is written that {@link keepPushForm} has seen. */
export function keptPushFormOf(request: IncomingMessage): PushForm | null {
  return forms.get(request) ?? null;
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
