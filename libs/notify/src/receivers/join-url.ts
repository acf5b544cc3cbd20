import type { Secret } from '#libs/yaml-config';
import { DeliveryError } from '../delivery/delivery-error.ts';

/** A path below an address, whatever slashes they end and begin with; a query of the address stays behind it. */
export function joinUrl(base: string, path: string): string {
  const at = base.search(/[?#]/);
  const [place, rest] = at < 0 ? [base, ''] : [base.slice(0, at), base.slice(at)];
  return `${place.replace(/\/+$/, '')}/${path.replace(/^\/+/, '')}${rest}`;
}

/** An address to add parameters to. What comes from a file may be anything. @throws DeliveryError `misconfigured` */
export function toUrl(address: Secret): URL {
  const url = URL.parse(address.reveal());
  if (url !== null) return url;
  throw new DeliveryError('misconfigured', 'the address is no http or https URL');
}
