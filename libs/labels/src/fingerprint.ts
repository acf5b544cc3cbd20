import { Buffer } from 'node:buffer';

const SEPARATOR = 0xff;
const encoder = new TextEncoder();
const DIGITS = Buffer.from('0123456789abcdef', 'latin1');
const digits = Buffer.alloc(16);

/** The prime 2^40 + 0x1b3 without its upper part. */
const PRIME_LOW = 0x1b3;

let high = 0;
let low = 0;

/**
 * 64-bit FNV-1a over the UTF-8 bytes of each part followed by the byte 0xff.
 *
 * The 64 bits are kept as two 32-bit halves and multiplied by the prime 2^40 + 0x1b3 with `Math.imul` and 16-bit
 * pieces, because BigInt is some thirty times slower.
 * @returns 16 lower-case hexadecimal digits
 */
export function fnv1a64Hex(parts: readonly string[]): string {
  high = 0xcbf29ce4;
  low = 0x84222325;
  for (const part of parts) {
    if (!mixAscii(part)) mixBytes(encoder.encode(part));
    mixByte(SEPARATOR);
  }
  writeHex(high, 0);
  writeHex(low, 8);
  // One flat text: joined from pieces it would keep them alive.
  return digits.toString('latin1');
}

/** @returns false, with nothing mixed in, if the text has characters of several bytes */
function mixAscii(text: string): boolean {
  const [highBefore, lowBefore] = [high, low];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) {
      high = highBefore;
      low = lowBefore;
      return false;
    }
    mixByte(code);
  }
  return true;
}

function mixBytes(bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) mixByte(bytes[i]!);
}

function mixByte(byte: number): void {
  const mixed = (low ^ byte) >>> 0;
  // mixed * 0x1b3 as a 41-bit number, exact in a double.
  const product = mixed * PRIME_LOW;
  const carry = Math.floor(product / 0x1_0000_0000);
  // The prime's upper part is 2^40: it adds the low half, shifted by 8, to the high half.
  high = (Math.imul(high, PRIME_LOW) + carry + (mixed << 8)) >>> 0;
  low = product >>> 0;
}

function writeHex(value: number, at: number): void {
  for (let i = 0; i < 8; i++) digits[at + i] = DIGITS[(value >>> (28 - 4 * i)) & 0xf]!;
}
