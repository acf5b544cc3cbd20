import { parsedText } from '#libs/yaml-config';
import { z } from 'zod';
import { SearchPattern } from './search-pattern.ts';

/** A pattern that may match anywhere. */
export const searchPatternSchema = parsedText((pattern) => new SearchPattern(pattern));

/** Keys about addresses that every prober has. */
export const ipProtocolShape = {
  preferred_ip_protocol: z.enum(['ip4', 'ip6']).default('ip4'),
  ip_protocol_fallback: z.boolean().default(true),
};

/** The key of probers that may be told where to speak from. */
export const sourceIpShape = {
  source_ip_address: z.union([z.ipv4(), z.ipv6()], { error: 'not an IP address' }).optional(),
};

/** What the keys of {@link ipProtocolShape} mean. */
export function familyOptions(raw: {
  readonly preferred_ip_protocol: 'ip4' | 'ip6';
  readonly ip_protocol_fallback: boolean;
}): { readonly preferredFamily: 4 | 6; readonly hasFamilyFallback: boolean } {
  return {
    preferredFamily: raw.preferred_ip_protocol === 'ip6' ? 6 : 4,
    hasFamilyFallback: raw.ip_protocol_fallback,
  };
}
