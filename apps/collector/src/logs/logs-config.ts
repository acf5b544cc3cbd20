import { isAbsolute } from 'node:path';
import { tlsConfigSchema } from '#libs/discovery';
import { isValidLegacyName } from '#libs/labels';
import { LOG_FORMATS, TEXT_ENCODINGS } from '#libs/log-pipeline';
import { isAcceptedPattern } from '#libs/node-tail';
import { durationMs, secretSchema } from '#libs/yaml-config';
import { z } from 'zod';
import { logInputsSchema } from '../log-inputs/log-inputs-config.ts';
import { metersSchema } from './meter-config.ts';
import { checkPipelineNames, groupPipelineShape, pipelineShape } from './pipeline-config.ts';
import { spoolSchema } from './spool-config.ts';

const pattern = z
  .string()
  .min(1)
  .refine((text) => !isAbsolute(text) || isAcceptedPattern(text), {
    error: 'expected a pattern below some folder, such as /var/log/app/*.log',
  });

/** Labels that the counters of lines have of themselves. */
const OWN_LABELS = new Set([
  'group',
  'level',
  'stream',
  'output',
  'job',
  'instance',
  'namespace',
  'pod',
  'container',
  'workload',
]);

const labels = z.record(
  z.string().refine((name) => isValidLegacyName(name, 'label') && !name.startsWith('__'), {
    error: 'not a label name; accepted are letters, digits and _, not first a digit',
  }),
  z.string().max(1024),
);

const fileGroupSchema = z
  .strictObject({
    name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/, {
      error: 'accepted are letters, digits, _, . and -',
    }),
    /** Globs: `*`, `**`, `?`, `[…]`, `{a,b}`. Relative ones begin at the configuration file's folder. */
    include: z.array(pattern).min(1).max(100),
    exclude: z.array(pattern).max(100).default([]),
    format: z.enum(LOG_FORMATS, { error: `accepted are ${LOG_FORMATS.join(', ')}` }).default('raw'),
    /** What messages are written in. */
    encoding: z
      .enum(TEXT_ENCODINGS, { error: `accepted are ${TEXT_ENCODINGS.join(', ')}` })
      .default('utf-8'),
    /** Put on the counters and on the records that are forwarded. */
    labels: labels
      .superRefine((given, context) => {
        for (const name of Object.keys(given)) {
          if (!OWN_LABELS.has(name)) continue;
          const message = 'this label is set by the collector itself';
          context.addIssue({ code: 'custom', path: [name], message });
        }
      })
      .default({}),
    /** Where to begin in files that were there before the collector and that it does not know yet. */
    from: z.enum(['beginning', 'end'], { error: 'accepted are beginning, end' }).default('end'),
    max_line_bytes: z
      .int()
      .min(1024)
      .max(16 * 1024 * 1024)
      .default(2 * 1024 * 1024),
    ...groupPipelineShape,
    /** Folders outside of the patterns' own that symbolic links may lead to. */
    link_targets: z
      .array(z.string().startsWith('/', { error: 'expected an absolute path' }))
      .default([]),
  })
  .refine(({ format, encoding }) => format !== 'docker-json' || encoding === 'utf-8', {
    error: 'Docker writes its files in UTF-8, whatever a container writes; leave encoding out',
    path: ['encoding'],
  });

const fieldNames = z.array(z.string().min(1).max(317)).max(64);

const podsSchema = z.strictObject({
  /** Labels of pods that go into their records; `*` is all. */
  labels: fieldNames.default([
    'app.kubernetes.io/name',
    'app.kubernetes.io/instance',
    'app.kubernetes.io/component',
    'app.kubernetes.io/version',
  ]),
  /** Annotations of pods that go into their records; `*` is all. */
  annotations: fieldNames.default([]),
  /** How long the first lines of a file wait for its pod to become known. */
  wait: durationMs({ minMs: 0 }).prefault('2s'),
  /** Whether annotations may name parsers and multiline rules, exclude logs and limit their rate. */
  obey_annotations: z.boolean().default(true),
  /** How long a deleted pod is remembered, for lines that are still to be read. */
  keep: durationMs({ minMs: 0 }).prefault('1h'),
});

/** The `logs` section: the files that are followed. */
export const logsConfigSchema = z
  .strictObject({
    files: z
      .array(fileGroupSchema)
      .max(200)
      .superRefine((groups, context) => {
        const seen = new Set<string>();
        groups.forEach((group, index) => {
          if (seen.has(group.name)) {
            const message = 'another group of files has this name; give each a name of its own';
            context.addIssue({ code: 'custom', message, path: [index, 'name'] });
          }
          seen.add(group.name);
        });
      })
      .default([]),
    ...pipelineShape,
    /** Metrics that are made of messages. */
    metrics: metersSchema,
    /** What records come by beside files. */
    inputs: logInputsSchema.prefault({}),
    /** What is told of the pods whose files are followed. */
    pods: podsSchema.prefault({}),
    /** Whether whoever reaches the collector may watch lines go by, where `auth` knows nobody. */
    live_view: z.strictObject({ allow_anonymous: z.boolean().default(false) }).prefault({}),
    /** How often files are looked at, besides when the file system tells of a change. */
    poll_interval: durationMs({ minMs: 10 }).prefault('250ms'),
    /** How often the patterns are looked at. */
    scan_interval: durationMs({ minMs: 100 }).prefault('2s'),
    /** Most log files open at a time, shared by the outputs and the counting. */
    max_open_files: z.int().min(16).max(1_000_000).default(4_096),
    /** A file that has not grown for so long is closed until it does. */
    close_quiet: durationMs({ minMs: 1_000 }).prefault('5m'),
  })
  .superRefine(checkPipelineNames);

export type LogsConfig = z.output<typeof logsConfigSchema>;
export type LogFileGroup = LogsConfig['files'][number];

const fluentdSchema = z.strictObject({
  /** Tells outputs apart in logs, metrics and on disk. */
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/, { error: 'accepted are letters, digits, _ and -' })
    .optional(),
  host: z.string().min(1).default('127.0.0.1'),
  port: z.int().min(1).max(65_535).default(24_224),
  /** Servers to go to in this order when the one before can't be reached. */
  fallbacks: z
    .array(
      z.strictObject({ host: z.string().min(1), port: z.int().min(1).max(65_535).default(24_224) }),
    )
    .max(20)
    .default([]),
  compress: z.enum(['none', 'gzip'], { error: 'accepted are none, gzip' }).default('none'),
  tls_config: tlsConfigSchema.optional(),
  /** The first part of each record's tag; the name of its group of files follows. */
  tag: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/, {
      error: 'accepted are letters, digits, _, . and -',
    })
    .default('binnacle'),
  /** How long the server may take to acknowledge before it is sent to again. */
  ack_timeout: durationMs({ minMs: 100 }).prefault('30s'),
  min_backoff: durationMs({ minMs: 10 }).prefault('500ms'),
  max_backoff: durationMs({ minMs: 10 }).prefault('30s'),
  shared_key: secretSchema.optional(),
  shared_key_file: z.string().min(1).optional(),
  username: z.string().min(1).max(255).optional(),
  password: secretSchema.optional(),
  password_file: z.string().min(1).optional(),
  spool: spoolSchema.prefault({}),
});

type RawFluentd = z.output<typeof fluentdSchema>;

/** What is wrong with keys that go together. */
function complaintAbout(fluentd: RawFluentd): readonly [key: string, message: string] | null {
  const hasKey = fluentd.shared_key !== undefined || fluentd.shared_key_file !== undefined;
  if (fluentd.shared_key !== undefined && fluentd.shared_key_file !== undefined) {
    return ['shared_key_file', 'give shared_key or shared_key_file, not both'];
  }
  if (fluentd.password !== undefined && fluentd.password_file !== undefined) {
    return ['password_file', 'give password or password_file, not both'];
  }
  const hasPassword = fluentd.password !== undefined || fluentd.password_file !== undefined;
  if (hasPassword !== (fluentd.username !== undefined)) {
    return ['username', 'username and password go together'];
  }
  return fluentd.username !== undefined && !hasKey
    ? ['username', 'servers ask for a user only together with a shared key']
    : null;
}

/** The outputs' key `fluentd`: servers that speak the Fluentd forward protocol. Each gets every record. */
export const fluentdOutputsSchema = z
  .array(fluentdSchema)
  .max(20)
  .transform((outputs) =>
    outputs.map(({ name, ...rest }) => ({ ...rest, name: name ?? `${rest.host}-${rest.port}` })),
  )
  .superRefine((outputs, context) => {
    const seen = new Set<string>();
    outputs.forEach((output, index) => {
      if (seen.has(output.name)) {
        const message = 'another output has this name or address; give each a name of its own';
        context.addIssue({ code: 'custom', message, path: [index, 'name'] });
      }
      seen.add(output.name);
      const complaint = complaintAbout(output);
      if (complaint === null) return;
      const [key, message] = complaint;
      context.addIssue({ code: 'custom', message, path: [index, key] });
    });
  });

export type FluentdConfig = z.output<typeof fluentdOutputsSchema>[number];
