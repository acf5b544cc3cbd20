import { BlockList, isIP } from 'node:net';
import type { ProbeGuard } from '#libs/node-probes';

/** Networks by a name that says what they are for (RFC 1122, 4291, 3927, 5771). */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128', '0.0.0.0/8', '::/128'],
  'link-local': ['169.254.0.0/16', 'fe80::/10', 'fd00:ec2::254/128'],
  multicast: ['224.0.0.0/4', '255.255.255.255/32', 'ff00::/8'],
};

/** The names of networks that are accepted besides networks. */
export const NETWORK_NAMES: readonly string[] = Object.keys(NAMED);

/** The kubelet's, authenticated and not: whoever may not speak to it must not have us do it. */
const KUBELET_PORTS: ReadonlySet<number> = new Set([10_248, 10_250, 10_255]);

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

/**
 * What keeps probes that somebody else asks for away from the machine itself, from cloud machines' metadata and from the
 * kubelet.
 * @param allowed exceptions; each {@link isNetwork}
 */
export function addressGuard(allowed: readonly string[]): ProbeGuard {
  const denied = toBlockList(NETWORK_NAMES);
  const exceptions = toBlockList(allowed);
  return ({ ip }, port) => {
    if (KUBELET_PORTS.has(port)) return `port ${port} is the kubelet's`;
    const plain = ip.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
    const family = isIP(plain) === 6 ? 'ipv6' : 'ipv4';
    if (!denied.check(plain, family) || exceptions.check(plain, family)) return null;
    return `${plain} is an address that discovered probes must not go to`;
  };
}

function toBlockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of networks.flatMap((name) => NAMED[name] ?? [name])) {
    const [address = '', length] = text.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    const bits = length === undefined ? (family === 'ipv6' ? 128 : 32) : Number(length);
    list.addSubnet(address, bits, family);
  }
  return list;
}
