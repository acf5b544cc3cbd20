import { networkMatcher, plainAddress } from '#libs/node-http';

/** Where the metadata and credentials of cloud machines are; no receiver is ever there. */
export const DEFAULT_DENIED_NETWORKS: readonly string[] = ['link-local', 'metadata'];

export interface AddressPolicyOptions {
  /** Networks (`10.0.0.0/8`), addresses, or names of networks: see `isNetwork` of `node-http`. */
  readonly denied: readonly string[];
  /** Exceptions, written alike. */
  readonly allowed: readonly string[];
}

/**
 * Which addresses may be connected to. It is asked about the address of the other end of a connection, so that no name
 * in a DNS server of somebody's can lead inside.
 */
export class AddressPolicy {
  readonly #isDenied: (address: string) => boolean;
  readonly #isAllowed: (address: string) => boolean;

  constructor({ denied, allowed }: AddressPolicyOptions) {
    this.#isDenied = networkMatcher(denied);
    this.#isAllowed = networkMatcher(allowed);
  }

  /** @param address of the other end; none at all is refused */
  allows(address: string | undefined): boolean {
    if (address === undefined || plainAddress(address) === null) return false;
    return !this.#isDenied(address) || this.#isAllowed(address);
  }
}
