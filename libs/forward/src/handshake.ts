import { createHash, timingSafeEqual } from 'node:crypto';

/** `sha512(salt + hostname + nonce + key)` in hexadecimal, by which both sides show that they know the key. */
export function keyDigest(
  salt: Uint8Array,
  hostname: string,
  nonce: Uint8Array,
  sharedKey: string,
): string {
  return createHash('sha512')
    .update(salt)
    .update(hostname)
    .update(nonce)
    .update(sharedKey)
    .digest('hex');
}

/** `sha512(salt + user + password)` in hexadecimal. */
export function passwordDigest(salt: Uint8Array, username: string, password: string): string {
  return createHash('sha512').update(salt).update(username).update(password).digest('hex');
}

/** Compares without telling by the time it takes where the difference is. */
export function isSameDigest(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
