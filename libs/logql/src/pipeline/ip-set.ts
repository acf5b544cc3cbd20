interface Address {
  readonly isV6: boolean;
  readonly value: bigint;
}

/** Addresses from one to another of the same family, both included. */
interface AddressRange {
  readonly isV6: boolean;
  readonly low: bigint;
  readonly high: bigint;
}

const V4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

function parseV4(text: string): bigint | null {
  const match = V4.exec(text);
  if (match === null) return null;
  let value = 0n;
  for (const part of match.slice(1)) {
    if (Number(part) > 255) return null;
    value = value * 256n + BigInt(part);
  }
  return value;
}

function parseAddress(text: string): Address | null {
  const v4 = parseV4(text);
  if (v4 !== null) return { isV6: false, value: v4 };
  if (!text.includes(':') || text.length > 45) return null;
  let rest = text;
  const lastColon = rest.lastIndexOf(':');
  const tail = rest.slice(lastColon + 1);
  if (tail.includes('.')) {
    const embedded = parseV4(tail);
    if (embedded === null) return null;
    rest = `${rest.slice(0, lastColon + 1)}${(embedded >> 16n).toString(16)}:${(embedded & 0xffffn).toString(16)}`;
  }
  const halves = rest.split('::');
  if (halves.length > 2) return null;
  const [head = [], foot = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head.length - foot.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...foot];
  let value = 0n;
  for (const group of groups) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return null;
    value = value * 65_536n + BigInt(`0x${group}`);
  }
  return { isV6: true, value };
}

function parseRange(pattern: string): AddressRange | null {
  const dash = pattern.indexOf('-');
  if (dash > 0) {
    const low = parseAddress(pattern.slice(0, dash).trim());
    const high = parseAddress(pattern.slice(dash + 1).trim());
    if (low === null || high === null || low.isV6 !== high.isV6 || low.value > high.value) {
      return null;
    }
    return { isV6: low.isV6, low: low.value, high: high.value };
  }
  const slash = pattern.indexOf('/');
  const address = parseAddress(slash < 0 ? pattern : pattern.slice(0, slash));
  if (address === null) return null;
  if (slash < 0) return { isV6: address.isV6, low: address.value, high: address.value };
  const bits = pattern.slice(slash + 1);
  const width = address.isV6 ? 128 : 32;
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > width) return null;
  const hostMask = (1n << BigInt(width - Number(bits))) - 1n;
  const low = address.value & ~hostMask;
  return { isV6: address.isV6, low, high: low | hostMask };
}

/** Why a text is no address, range or CIDR, or null. */
export function checkIpPattern(pattern: string): string | null {
  return parseRange(pattern) === null
    ? `ip: ${JSON.stringify(pattern)} is no address, no range such as 10.0.0.1-10.0.0.9 and no CIDR such as 10.0.0.0/8`
    : null;
}

/** Runs of what addresses are written with; their lengths are bounded, so looking for them is linear. */
const CANDIDATES = /[0-9a-fA-F:.]{2,45}/g;

/** The addresses that `ip("…")` stands for. */
export class IpSet {
  readonly #range: AddressRange;

  /** @param pattern for which {@link checkIpPattern} has no objection */
  constructor(pattern: string) {
    this.#range = parseRange(pattern) ?? { isV6: false, low: 1n, high: 0n };
  }

  /** Whether a text is an address of the set; null for what is no address. */
  has(text: string): boolean | null {
    const address = parseAddress(text);
    return address === null ? null : this.#includes(address);
  }

  /** Whether an address of the set stands anywhere in a text. */
  isIn(text: string): boolean {
    for (const [candidate] of text.matchAll(CANDIDATES)) {
      const address = this.#addressIn(candidate);
      if (address !== null && this.#includes(address)) return true;
    }
    return false;
  }

  #addressIn(candidate: string): Address | null {
    const bare = candidate.replace(/[.:]+$/, (end) => (end === '::' ? end : ''));
    const whole = parseAddress(bare);
    if (whole !== null || this.#range.isV6) return whole;
    // An address with its port, or one that hex digits or dots stand before: `10.0.0.1:80`, `face10.0.0.1`.
    const match = /\d{1,3}(?:\.\d{1,3}){3}/.exec(bare);
    return match === null ? null : parseAddress(match[0]);
  }

  #includes({ isV6, value }: Address): boolean {
    const { low, high } = this.#range;
    return isV6 === this.#range.isV6 && value >= low && value <= high;
  }
}
