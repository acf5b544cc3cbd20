import { BlockList, isIP } from 'node:net';

/** Networks by a name that says what they are for (RFC 1122, 1918, 3927, 4193, 4291, 5771, 6598), and those of clouds' metadata. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128', '0.0.0.0/8', '::/128'],
  // The last is where a cloud has its metadata, whose others of that kind are link-local.
  'link-local': ['169.254.0.0/16', 'fe80::/10', 'fd00:ec2::254/128'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'],
  metadata: [
    '169.254.169.254/32',
    '169.254.170.2/32',
    '169.254.170.23/32',
    '100.100.100.200/32',
    '168.63.129.16/32',
    'fd00:ec2::254/128',
    'fd00:ec2::23/128',
    'fd20:ce::254/128',
  ],
  multicast: ['224.0.0.0/4', '255.255.255.255/32', 'ff00::/8'],
};

/** The names of networks that are accepted besides networks. */
export const NETWORK_NAMES: readonly string[] = Object.keys(NAMED);

/** Whether a text is a network, an address or one of {@link NETWORK_NAMES}. */
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

/** An address without the brackets of a URL, a zone, or the dress of IPv6 around one of IPv4; null for what is none. */
export function plainAddress(text: string): string | null {
  const bare = text.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '');
  const plain = bare.replace(/^::ffff:(?=\d+\.)/i, '');
  return isIP(plain) === 0 ? null : plain;
}

/**
 * @param networks valid ones: see {@link isNetwork}
 * @returns whether an address, however it is written, is in one of the networks; nothing else is
 */
export function networkMatcher(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const text of networks.flatMap((name) => NAMED[name] ?? [name])) {
    const [address = '', length] = text.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    const bits = length === undefined ? (family === 'ipv6' ? 128 : 32) : Number(length);
    list.addSubnet(address, bits, family);
  }
  return (address) => {
    const plain = plainAddress(address);
    return plain !== null && list.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4');
  };
}
