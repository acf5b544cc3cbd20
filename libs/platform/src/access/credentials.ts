import { createHash, timingSafeEqual } from 'node:crypto';
import type { PasswordChecker } from '#libs/node-passwords';
import type { AccessRight } from './access-rights.ts';

/** Somebody who is known: by the whole header that is sent, or by name and the hash of a password. */
export type Credential = { readonly name: string; readonly may: readonly AccessRight[] } & (
  { readonly header: string } | { readonly passwordHash: string }
);

/** What becomes of a request. */
export type Verdict = 'allowed' | 'unknown' | 'forbidden';

/** Knows who may do what. Headers are compared by digest, which takes as long whatever is wrong. */
export class Credentials {
  readonly #known: readonly { readonly digest: Buffer; readonly may: ReadonlySet<AccessRight> }[];
  readonly #hashed = new Map<string, { readonly hash: string; readonly may: Set<AccessRight> }>();
  readonly #passwords: Pick<PasswordChecker, 'check'>;

  /** @param passwords is asked about those who are known by a hash */
  constructor(credentials: readonly Credential[], passwords: Pick<PasswordChecker, 'check'>) {
    this.#passwords = passwords;
    const known = [];
    for (const credential of credentials) {
      const may = new Set(credential.may);
      if ('header' in credential) known.push({ digest: digestOf(credential.header), may });
      else this.#hashed.set(credential.name, { hash: credential.passwordHash, may });
    }
    this.#known = known;
  }

  /** Whether everybody may do everything, as nobody is known. */
  get isOpen(): boolean {
    return this.#known.length + this.#hashed.size === 0;
  }

  /**
   * @param header `Authorization`, undefined where there is none
   * @returns a promise where a password has to be compared with a hash, rejected as `PasswordChecker.check` says
   */
  judge(header: string | undefined, right: AccessRight): Verdict | Promise<Verdict> {
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
    if (verdict !== 'unknown' || this.#hashed.size === 0 || !canonical.startsWith('Basic ')) {
      return verdict;
    }
    return this.#judgePassword(canonical.slice('Basic '.length), right);
  }

  #judgePassword(pair: string, right: AccessRight): Verdict | Promise<Verdict> {
    const text = Buffer.from(pair, 'base64').toString();
    const colon = text.indexOf(':');
    if (colon < 0) return 'unknown';
    const user = this.#hashed.get(text.slice(0, colon));
    // A name that nobody has takes as long, so that nobody learns which names there are.
    const { hash, may } = user ?? this.#hashed.values().next().value!;
    const verdict = (isRight: boolean): Verdict => {
      if (!isRight || user === undefined) return 'unknown';
      return may.has(right) ? 'allowed' : 'forbidden';
    };
    const found = this.#passwords.check(text.slice(colon + 1), hash);
    return typeof found === 'boolean' ? verdict(found) : found.then(verdict);
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
