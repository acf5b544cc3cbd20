import { LabelNeeds } from './label-needs.ts';

const MAX_KEYS = 1_024;
const MAX_CACHED_VALUE_BYTES = 32;
const VALUE_SLOTS = 1_024;

/** A key of JSON or logfmt, made out once: what label it becomes, and whether anybody wants that. */
export interface KnownKey {
  readonly bytes: Buffer;
  readonly label: string;
  readonly isWanted: boolean;
  /** Of JSON: what the keys of an object under it become; null where nobody wants any of them. */
  readonly inside: KeyCache | null;
}

/** A name as the labels of Prometheus are: other characters become underscores. */
function sanitizeLabel(key: string, prefix: string): string {
  const clean = key.replaceAll(/[^a-zA-Z0-9_]/g, '_');
  if (prefix !== '') return `${prefix}_${clean}`;
  return /^[0-9]/.test(clean) ? `_${clean}` : clean;
}

/** Keys by their bytes. Lines of a program have the same keys again and again. */
export class KeyCache {
  readonly #prefix: string;
  readonly #needs: LabelNeeds;
  readonly #known = new Map<number, KnownKey>();

  /** @param prefix of the labels, empty at the top */
  constructor(needs: LabelNeeds, prefix = '') {
    this.#needs = needs;
    this.#prefix = prefix;
  }

  /** @param hash of the bytes, as {@link nextHash} makes it */
  keyAt(bytes: Buffer, start: number, end: number, hash: number): KnownKey {
    const known = this.#known.get(hash);
    if (known !== undefined && isSame(known.bytes, bytes, start, end)) return known;
    const fresh = this.keyOf(bytes.toString('utf8', start, end), bytes.subarray(start, end));
    if (known === undefined && this.#known.size < MAX_KEYS) {
      const kept = { ...fresh, bytes: Buffer.from(fresh.bytes) };
      this.#known.set(hash, kept);
      return kept;
    }
    return fresh;
  }

  /** A key that is written with escapes, and so not looked up. */
  keyOf(key: string, bytes: Buffer = Buffer.alloc(0)): KnownKey {
    const label = sanitizeLabel(key, this.#prefix);
    return {
      bytes,
      label,
      isWanted: this.#needs.wants(label),
      inside: this.#needs.wantsUnder(label) ? new KeyCache(this.#needs, label) : null,
    };
  }
}

/** One step of the hash of a key or a value. */
export function nextHash(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}

/** Short texts by their bytes: levels, methods and codes come again and again. */
export class ValueCache {
  readonly #bytes: (Buffer | null)[] = Array.from({ length: VALUE_SLOTS }, () => null);
  readonly #texts: string[] = Array.from({ length: VALUE_SLOTS }, () => '');

  textAt(bytes: Buffer, start: number, end: number, hash: number): string {
    if (end - start > MAX_CACHED_VALUE_BYTES) return bytes.toString('utf8', start, end);
    const slot = (hash ^ (hash >>> 10)) & (VALUE_SLOTS - 1);
    const known = this.#bytes[slot];
    if (known !== null && known !== undefined && isSame(known, bytes, start, end)) {
      return this.#texts[slot]!;
    }
    const text = bytes.toString('utf8', start, end);
    this.#bytes[slot] = Buffer.from(bytes.subarray(start, end));
    this.#texts[slot] = text;
    return text;
  }
}

function isSame(known: Buffer, bytes: Buffer, start: number, end: number): boolean {
  const { length } = known;
  if (length !== end - start) return false;
  for (let i = 0; i < length; i++) if (known[i] !== bytes[start + i]) return false;
  return true;
}
