import {
  checkTls,
  type TlsClientConfig,
  tlsConfigSchema,
  toTlsClientConfig,
} from '#libs/discovery';
import { yamlText } from '#libs/yaml-config';
import { z } from 'zod';
import { familyOptions, ipProtocolShape, searchPatternSchema, sourceIpShape } from '../shapes.ts';
import type { SearchPattern } from '../search-pattern.ts';
import {
  DNS_CLASSES,
  DNS_RCODES,
  DNS_TYPES,
  DnsMessageError,
  encodeDnsQuery,
} from './dns-message.ts';

/** What the records of one section must look like. */
export interface RecordConditions {
  /** Any record that matches any of these fails the probe. */
  readonly failsIfMatches: readonly SearchPattern[];
  /**
   * Fails where a record does not match all of these. The key's name says the opposite; this is what every release of
   * blackbox_exporter does.
   */
  readonly failsIfAllMatch: readonly SearchPattern[];
  /** Any record that does not match all of these fails the probe; so does none at all. */
  readonly failsIfNotMatches: readonly SearchPattern[];
  /** Fails where no record matches any of these. */
  readonly failsIfNoneMatches: readonly SearchPattern[];
}

/** What a DNS probe asks and what it takes for success. */
export interface DnsProbeModule {
  readonly preferredFamily: 4 | 6;
  readonly hasFamilyFallback: boolean;
  readonly sourceIp: string | null;
  readonly protocol: 'udp' | 'tcp';
  readonly isTls: boolean;
  readonly tls: TlsClientConfig;
  readonly queryName: string;
  readonly queryType: number;
  readonly queryClass: number;
  readonly isRecursionDesired: boolean;
  readonly validRcodes: readonly string[];
  readonly answers: RecordConditions;
  readonly authorities: RecordConditions;
  readonly additionals: RecordConditions;
}

const conditions = z
  .strictObject({
    fail_if_matches_regexp: z.array(searchPatternSchema).default([]),
    fail_if_all_match_regexp: z.array(searchPatternSchema).default([]),
    fail_if_not_matches_regexp: z.array(searchPatternSchema).default([]),
    fail_if_none_matches_regexp: z.array(searchPatternSchema).default([]),
  })
  .prefault({})
  .transform((raw): RecordConditions => ({
    failsIfMatches: raw.fail_if_matches_regexp,
    failsIfAllMatch: raw.fail_if_all_match_regexp,
    failsIfNotMatches: raw.fail_if_not_matches_regexp,
    failsIfNoneMatches: raw.fail_if_none_matches_regexp,
  }));

const oneOf = (what: string, numbers: Readonly<Record<string, number>>, fallback: string) =>
  z
    .string()
    .default(fallback)
    .transform((name, context) => {
      if (Object.hasOwn(numbers, name)) return { name, number: numbers[name]! };
      const accepted = Object.keys(numbers).join(', ');
      context.addIssue({ code: 'custom', message: `unknown ${what}; accepted are ${accepted}` });
      return z.NEVER;
    });

/** blackbox_exporter's `dns` module. */
export const dnsModuleSchema = z
  .strictObject({
    ...ipProtocolShape,
    ...sourceIpShape,
    dns_over_tls: z.boolean().default(false),
    tls_config: tlsConfigSchema.optional(),
    transport_protocol: z.enum(['udp', 'tcp']).default('udp'),
    query_class: oneOf('class', DNS_CLASSES, 'IN'),
    query_name: yamlText().superRefine((name, context) => {
      try {
        encodeDnsQuery({ id: 0, name, type: 1, class: 1, isRecursionDesired: true });
      } catch (error) {
        if (!(error instanceof DnsMessageError)) throw error;
        context.addIssue({ code: 'custom', message: error.message });
      }
    }),
    query_type: oneOf('type', DNS_TYPES, 'ANY'),
    recursion_desired: z.boolean().default(true),
    valid_rcodes: z.array(oneOf('code', DNS_RCODES, 'NOERROR')).default([]),
    validate_answer_rrs: conditions,
    validate_authority_rrs: conditions,
    validate_additional_rrs: conditions,
  })
  .superRefine((raw, context) => {
    if (raw.tls_config !== undefined) {
      checkTls(raw.tls_config, (path, message) => {
        context.addIssue({ code: 'custom', message, path: ['tls_config', ...path] });
      });
    }
    if (raw.dns_over_tls && raw.transport_protocol !== 'tcp') {
      const message = 'must be tcp with dns_over_tls';
      context.addIssue({ code: 'custom', message, path: ['transport_protocol'] });
    }
  })
  .transform((raw): DnsProbeModule => ({
    ...familyOptions(raw),
    sourceIp: raw.source_ip_address ?? null,
    protocol: raw.transport_protocol,
    isTls: raw.dns_over_tls,
    tls: toTlsClientConfig(raw.tls_config),
    queryName: raw.query_name,
    queryType: raw.query_type.number,
    queryClass: raw.query_class.number,
    isRecursionDesired: raw.recursion_desired,
    validRcodes:
      raw.valid_rcodes.length === 0 ? ['NOERROR'] : raw.valid_rcodes.map(({ name }) => name),
    answers: raw.validate_answer_rrs,
    authorities: raw.validate_authority_rrs,
    additionals: raw.validate_additional_rrs,
  }));
