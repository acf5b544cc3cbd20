import { createHash, timingSafeEqual } from 'node:crypto';
import type { AccessRight } from './access-rights.ts';

/** Somebody who is known, by the whole header that is sent. */
export interface Credential {
  readonly name: string;
  readonly header: string;
  readonly may: readonly AccessRight[];
}

/** What becomes of a request. */
export type Verdict = 'allowed' | 'unknown' | 'forbidden';

/** Knows who may do what, by digests: a comparison takes as long whatever is wrong. */
export class Credentials {
  readonly #known: readonly { readonly digest: Buffer; readonly may: ReadonlySet<AccessRight> }[];

  constructor(credentials: readonly Credential[]) {
    this.#known = credentials.map(({ header, may }) => ({
      digest: digestOf(header),
      may: new Set(may),
    }));
  }

  /** Whether everybody may do everything, as nobody is known. */
  get isOpen(): boolean {
    return this.#known.length === 0;
  }

  /** @param header `Authorization`, undefined where there is none */
  judge(header: string | undefined, right: AccessRight): Verdict {
    if (header === undefined) return 'unknown';
    // The scheme may be written in any case.
    const [, scheme = '', rest = ''] = /^(\S+) +(.*)$/.exec(header) ?? [];
    const canonical = `${scheme.slice(0, 1).toUpperCase()}${scheme.slice(1).toLowerCase()} ${rest.trim()}`;
    const digest = digestOf(canonical);
    let verdict: Verdict = 'unknown';
    for (const known of this.#known) {
      if (!timingSafeEqual(known.digest, digest)) continue;
      if (known.may.has(right)) verdict = 'allowed';
      else if (verdict === 'unknown') verdict = 'forbidden';
    }
    return verdict;
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
