import { BlockList, isIP } from 'node:net';
import { z } from 'zod';

/** Networks by a name that says what they are for (RFC 1122, 4291, 3927, 5771), and those of clouds' metadata. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128', '0.0.0.0/8', '::/128'],
  'link-local': ['169.254.0.0/16', 'fe80::/10'],
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
const NETWORK_NAMES: readonly string[] = Object.keys(NAMED);

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

/** A list of networks in a configuration. */
export const networksSchema = z.array(
  z.string().refine(isNetwork, {
    error: `not a network such as 10.0.0.0/8; accepted are ${NETWORK_NAMES.join(', ')} as well`,
  }),
);

/** @returns whether an address, with or without the brackets of a URL, is in one of the networks; nothing else is */
export function networkMatcher(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const text of networks.flatMap((name) => NAMED[name] ?? [name])) {
    const [address = '', length] = text.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    const bits = length === undefined ? (family === 'ipv6' ? 128 : 32) : Number(length);
    list.addSubnet(address, bits, family);
  }
  return (address) => {
    const ip = address.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '');
    const family = isIP(ip);
    return family !== 0 && list.check(ip, family === 6 ? 'ipv6' : 'ipv4');
  };
}
