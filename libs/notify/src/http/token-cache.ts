import type { Secret } from '#libs/yaml-config';

interface CachedToken {
  readonly token: Secret;
  readonly untilMs: number;
}

/** Far more than there are receivers. */
const MAX_TOKENS = 1_000;

/** Tokens that receivers and OAuth servers lend for a while. */
export class TokenCache {
  readonly #tokens = new Map<string, CachedToken>();

  /** @param key says who lent it to whom; it may hold what is secret, since it is not shown */
  get(key: string, nowMs: number): Secret | null {
    const cached = this.#tokens.get(key);
    return cached !== undefined && nowMs < cached.untilMs ? cached.token : null;
  }

  put(key: string, token: Secret, untilMs: number): void {
    if (this.#tokens.size >= MAX_TOKENS) this.#tokens.clear();
    this.#tokens.set(key, { token, untilMs });
  }

  drop(key: string): void {
    this.#tokens.delete(key);
  }
}
