/** Addresses that are no target's own; the names are part of a metric. */
export type SpecialAddress = 'loopback' | 'link_local' | 'metadata';

/** Where clouds hand out credentials to whoever asks from the node. The first are link-local as well. */
const METADATA: ReadonlySet<string> = new Set([
  '169.254.169.254',
  '169.254.170.2',
  '169.254.170.23',
  '100.100.100.200',
  '168.63.129.16',
  '[fd00:ec2::254]',
  '[fd00:ec2::23]',
  '[fd20:ce::254]',
  'metadata',
  'metadata.google.internal',
  'instance-data',
]);

/**
 * What is special about a host, or null.
 * @param hostname of a URL, so that every way to write an IPv4 address has become the usual one; IPv6 in brackets
 */
export function specialHost(hostname: string): SpecialAddress | null {
  const host = embeddedV4(hostname) ?? hostname.replace(/\.$/, '');
  if (METADATA.has(host)) return 'metadata';
  // `0.0.0.0` and `::` connect to the host itself.
  if (/^(127|0)\.\d+\.\d+\.\d+$|^\[::1?\]$|(^|\.)localhost$/.test(host)) return 'loopback';
  if (/^169\.254\.|^\[fe[89ab][0-9a-f]:/.test(host)) return 'link_local';
  return null;
}

/** A host as a URL has it: IPv6 in brackets and short. What makes no URL stays as it is. */
export function urlHostname(host: string): string {
  const bare = host.replace(/%.*$/, '');
  const isV6 = bare.split(':').length > 2 && !bare.startsWith('[');
  return URL.parse(`http://${isV6 ? `[${bare}]` : bare}`)?.hostname ?? host;
}

/** Whether the hostname of a URL is an address. */
export function isAddressHost(hostname: string): boolean {
  return hostname.startsWith('[') || /^\d+(\.\d+){3}$/.test(hostname);
}

/**
 * The IPv4 address within `[::ffff:7f00:1]`, `[64:ff9b::7f00:1]`, `[2002:7f00:1::]` and their like (RFC 4291, 6052, 3056),
 * or null.
 */
function embeddedV4(hostname: string): string | null {
  const match =
    /^\[(?:::ffff:(?:0:)?|64:ff9b::|::)([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(hostname) ??
    /^\[2002:([0-9a-f]{1,4}):([0-9a-f]{1,4}):/.exec(hostname);
  if (match === null) return null;
  const [high, low] = [match[1]!, match[2]!].map((half) => Number.parseInt(half, 16));
  return [high! >> 8, high! & 255, low! >> 8, low! & 255].join('.');
}
