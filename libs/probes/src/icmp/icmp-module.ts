import { z } from 'zod';
import { familyOptions, ipProtocolShape, sourceIpShape } from '../shapes.ts';

/** What an ICMP echo is like. */
export interface IcmpProbeModule {
  readonly preferredFamily: 4 | 6;
  readonly hasFamilyFallback: boolean;
  readonly sourceIp: string | null;
  readonly payloadBytes: number;
  readonly mayNotFragment: boolean;
  readonly ttl: number | null;
}

const DEFAULT_PAYLOAD_BYTES = 28;
/** What fits into an IPv4 packet. */
const MAX_PAYLOAD_BYTES = 65_507;

/** blackbox_exporter's `icmp` module. */
export const icmpModuleSchema = z
  .strictObject({
    ...ipProtocolShape,
    ...sourceIpShape,
    payload_size: z.int().min(0).max(MAX_PAYLOAD_BYTES).default(0),
    dont_fragment: z.boolean().default(false),
    ttl: z.int().min(0).max(255).default(0),
  })
  .transform((raw): IcmpProbeModule => ({
    ...familyOptions(raw),
    sourceIp: raw.source_ip_address ?? null,
    payloadBytes: raw.payload_size || DEFAULT_PAYLOAD_BYTES,
    mayNotFragment: raw.dont_fragment,
    ttl: raw.ttl || null,
  }));
