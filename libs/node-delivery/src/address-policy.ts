import { BlockList, isIP } from 'node:net';

/** Networks by a name that says what they are for (RFC 1918, 4193, 6598, 5735, 3927). */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128', '0.0.0.0/8', '::/128'],
  'link-local': ['169.254.0.0/16', 'fe80::/10', 'fd00:ec2::254/128'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'],
};

/** Where the metadata and credentials of cloud machines are; no receiver is ever there. */
export const DEFAULT_DENIED_NETWORKS: readonly string[] = ['link-local'];

export interface AddressPolicyOptions {
  /** Networks (`10.0.0.0/8`), addresses, or one of `loopback`, `link-local`, `private`. */
  readonly denied: readonly string[];
  /** Exceptions, written alike. */
  readonly allowed: readonly string[];
}

/**
 * Which addresses may be connected to. It is asked about the address of the other end of a connection, so that no name
 * in a DNS server of somebody's can lead inside.
 */
export class AddressPolicy {
  readonly #denied: BlockList;
  readonly #allowed: BlockList;

  /** The networks must be valid: see {@link isNetwork}. */
  constructor({ denied, allowed }: AddressPolicyOptions) {
    this.#denied = toBlockList(denied);
    this.#allowed = toBlockList(allowed);
  }

  /** @param address of the other end; none at all is refused */
  allows(address: string | undefined): boolean {
    if (address === undefined) return false;
    const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
    const family = isIP(plain) === 6 ? 'ipv6' : 'ipv4';
    if (isIP(plain) === 0) return false;
    return !this.#denied.check(plain, family) || this.#allowed.check(plain, family);
  }
}

/** Whether a text is a network, an address or a name of networks. */
export function isNetwork(text: string): boolean {
  if (Object.hasOwn(NAMED, text)) return true;
  const [address = '', length, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return (
    length === undefined ||
    (/^\d{1,3}$/.test(length) && Number(length) <= (family === 4 ? 32 : 128))
  );
}

/** The names of networks that are accepted besides networks. */
export const NETWORK_NAMES: readonly string[] = Object.keys(NAMED);

function toBlockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks.flatMap((text) => NAMED[text] ?? [text])) {
    const [address = '', length] = network.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    const bits = length === undefined ? (family === 'ipv6' ? 128 : 32) : Number(length);
    list.addSubnet(address, bits, family);
  }
  return list;
}
