import type { Secret } from '#libs/yaml-config';
import { DeliveryError } from './delivery-error.ts';

/** A text this short is found everywhere. */
const MIN_SECRET_LENGTH = 4;
/** Parts of an address that are shorter are words such as `api`. */
const MIN_PART_LENGTH = 6;

/** A failure without the secrets that were sent: a service may repeat in its answer what it was told. */
export function withoutSecrets(error: DeliveryError, known: readonly Secret[]): DeliveryError {
  let { message } = error;
  const texts = known.flatMap((secret) => partsOf(secret.reveal()));
  for (const text of texts.toSorted((a, b) => b.length - a.length)) {
    if (text.length >= MIN_SECRET_LENGTH) message = message.replaceAll(text, '<secret>');
  }
  if (message === error.message) return error;
  return new DeliveryError(error.code, message, { retryAfterMs: error.retryAfterMs });
}

/** A secret and what of it is one by itself: credentials behind their scheme, parts of an address. */
function partsOf(secret: string): string[] {
  const parts = [secret, secret.trim()];
  const scheme = /^[A-Za-z0-9-]+ (.+)$/s.exec(secret);
  if (scheme !== null) parts.push(scheme[1]!);
  const url = URL.parse(secret);
  if (url === null || !/^https?:$/.test(url.protocol)) return parts;
  const pieces = [
    url.username,
    url.password,
    ...url.pathname.split('/'),
    ...url.searchParams.values(),
  ].filter((part) => part.length >= MIN_PART_LENGTH);
  return [...parts, `${url.pathname}${url.search}`, ...pieces, ...pieces.map(unescaped)].filter(
    (part) => part.length >= MIN_PART_LENGTH,
  );
}

function unescaped(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
