import { isValidLegacyName } from '#libs/labels';
import { byteSize, durationMs, secretSchema } from '#libs/yaml-config';
import { z } from 'zod';
import { inputRulesSchema } from '../logs/pipeline-config.ts';

const filePath = z.string().min(1);

/** `host:port`, an IPv6 address in brackets. */
export function listenAddress(
  port: number,
): z.ZodType<{ readonly host: string; readonly port: number }, string | undefined> {
  return z
    .string()
    .default(`127.0.0.1:${port}`)
    .transform((text, context) => {
      const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
      const found = Number(match?.[3] ?? Number.NaN);
      if (match !== null && found <= 65_535) return { host: match[1] ?? match[2]!, port: found };
      context.addIssue({ code: 'custom', message: 'expected HOST:PORT such as 127.0.0.1:24224' });
      return z.NEVER;
    });
}

function sizeBetween(least: number, most: number): z.ZodType<number, string> {
  return byteSize().refine((bytes) => bytes >= least && bytes <= most, {
    error: `expected a size from ${least} to ${most} bytes`,
  });
}

/** Names tell inputs apart in metrics, in logs and in the tags of records. */
function nameOf(fallback: string): z.ZodDefault<z.ZodString> {
  return z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/, { error: 'accepted are letters, digits, _ and -' })
    .default(fallback);
}

/** Put on every record of the input. */
export const inputLabels = z
  .record(
    z.string().refine((name) => isValidLegacyName(name, 'label') && !name.startsWith('__'), {
      error: 'not a label name; accepted are letters, digits and _, not first a digit',
    }),
    z.string().max(1_024),
  )
  .refine((given) => !('level' in given || 'message' in given || 'stream' in given), {
    error: 'level, message and stream are set by the collector itself',
  })
  .default({});

export const serverTlsSchema = z.strictObject({
  cert_file: filePath,
  key_file: filePath,
  /** Who signs the certificates that clients must show; without it they need none. */
  client_ca_file: filePath.optional(),
});

export type ServerTlsConfig = z.output<typeof serverTlsSchema>;

const stream = {
  max_connections: z.int().min(1).max(100_000).default(512),
  /** How long a connection may be silent. */
  idle_timeout: durationMs({ minMs: 1_000 }).prefault('1h'),
};

const user = z
  .strictObject({
    username: z.string().min(1).max(255),
    password: secretSchema.optional(),
    password_file: filePath.optional(),
  })
  .refine(
    ({ password, password_file: file }) => (password === undefined) !== (file === undefined),
    {
      error: 'give password or password_file, one of them',
    },
  );

const forwardSchema = z
  .strictObject({
    name: nameOf('forward'),
    listen: listenAddress(24_224),
    tls_config: serverTlsSchema.optional(),
    shared_key: secretSchema.optional(),
    shared_key_file: filePath.optional(),
    users: z.array(user).max(1_000).default([]),
    labels: inputLabels,
    /** Of one message, as it comes and unpacked. */
    max_message_size: sizeBetween(1_024, 256 * 1024 * 1024).prefault('16MiB'),
    ...stream,
  })
  .superRefine((input, context) => {
    const complain = (key: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [key], message });
    const hasKey = input.shared_key !== undefined || input.shared_key_file !== undefined;
    if (input.shared_key !== undefined && input.shared_key_file !== undefined) {
      complain('shared_key_file', 'give shared_key or shared_key_file, not both');
    }
    if (input.users.length > 0 && !hasKey) {
      complain('users', 'clients tell a user only together with a shared key; give one');
    }
  });

/** `+02:00` as minutes east of Greenwich. */
const utcOffset = z.string().transform((text, context) => {
  const match = /^([+-])(\d\d):([0-5]\d)$/.exec(text);
  const minutes = Number(match?.[2] ?? 99) * 60 + Number(match?.[3] ?? 0);
  if (match !== null && minutes <= 14 * 60) return match[1] === '-' ? -minutes : minutes;
  context.addIssue({ code: 'custom', message: 'expected an offset such as +02:00' });
  return z.NEVER;
});

const syslogSchema = z
  .strictObject({
    name: nameOf('syslog'),
    listen: listenAddress(5_514),
    protocol: z.enum(['udp', 'tcp'], { error: 'accepted are udp, tcp' }).default('udp'),
    tls_config: serverTlsSchema.optional(),
    /** Of senders that tell no zone with their times; by default this machine's. */
    utc_offset: utcOffset.optional(),
    labels: inputLabels,
    /** Longer messages are cut. */
    max_message_size: sizeBetween(480, 1024 * 1024).prefault('64KiB'),
    ...stream,
  })
  .superRefine(({ protocol, tls_config: tls }, context) => {
    if (protocol === 'tcp' || tls === undefined) return;
    const message = 'there is no TLS over UDP here; with protocol: tcp there is';
    context.addIssue({ code: 'custom', path: ['tls_config'], message });
  });

export type SyslogInputConfig = z.output<typeof syslogSchema>;
export type ForwardInputConfig = z.output<typeof forwardSchema>;

const journaldSchema = z.strictObject({
  name: nameOf('journald'),
  /** The journal is read by it. */
  program: z.string().min(1).default('journalctl'),
  /** Where the journal is, if not where the system has it. */
  directory: z.string().startsWith('/', { error: 'expected an absolute path' }).optional(),
  units: z.array(z.string().min(1).max(255)).max(100).default([]),
  /** Where to begin without a cursor of an earlier run. */
  from: z.enum(['beginning', 'end'], { error: 'accepted are beginning, end' }).default('end'),
  labels: inputLabels,
});

export type JournaldInputConfig = z.output<typeof journaldSchema>;

const INPUT_KINDS = ['forward', 'syslog', 'journald'] as const;

/** The key `inputs` of the `logs` section: what records come by beside files. Nothing is listened on unless told. */
export const logInputsSchema = z
  .strictObject({
    /** What may wait on disk for each output; beyond it senders have to wait. */
    spool_size: sizeBetween(1024 * 1024, 1024 ** 4).prefault('64MiB'),
    /** What is done with the records of these inputs, of `otlp` and of Kubernetes' events. */
    rules: inputRulesSchema,
    forward: z.array(forwardSchema).max(20).default([]),
    syslog: z.array(syslogSchema).max(20).default([]),
    journald: z.array(journaldSchema).max(20).default([]),
  })
  .superRefine((inputs, context) => {
    // OTLP has a section of its own, and shares metrics and tags with these.
    const seen = new Set(['otlp']);
    for (const kind of INPUT_KINDS) {
      inputs[kind].forEach(({ name }, index) => {
        if (seen.has(name)) {
          const message = 'another input has this name; give each a name of its own';
          context.addIssue({ code: 'custom', message, path: [kind, index, 'name'] });
        }
        seen.add(name);
      });
    }
  });

export type LogInputsConfig = z.output<typeof logInputsSchema>;

/** Whether any input is configured. */
export function hasInputs(inputs: LogInputsConfig): boolean {
  return INPUT_KINDS.some((kind) => inputs[kind].length > 0);
}
