import { specialHost, urlHostname } from '#libs/discovery';
import { networkMatcher } from '#libs/node-http';
import type { ProbeGuard } from '#libs/node-probes';

/** The kubelet's, authenticated and not: whoever may not speak to it must not have us do it. */
const KUBELET_PORTS: ReadonlySet<number> = new Set([10_248, 10_250, 10_255]);

/**
 * What keeps probes that somebody else asks for away from the machine itself, from cloud machines' metadata and from the
 * kubelet.
 * @param allowed exceptions; each a network
 */
export function addressGuard(allowed: readonly string[]): ProbeGuard {
  const isMulticast = networkMatcher(['multicast']);
  const isAllowed = networkMatcher(allowed);
  return ({ ip }, port) => {
    if (KUBELET_PORTS.has(port)) return `port ${port} is the kubelet's`;
    const isDenied = specialHost(urlHostname(ip)) !== null || isMulticast(ip);
    if (!isDenied || isAllowed(ip)) return null;
    return `${ip} is an address that discovered probes must not go to`;
  };
}
