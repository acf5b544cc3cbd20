import {
  type DropSpec,
  EventPipeline,
  LOG_LEVELS,
  type LogFormat,
  type LogLevel,
  MULTILINE_RULES,
  type MultilineRule,
  multilineRuleOf,
  type MultilineSpec,
  PARSER_FORMATS,
  ParserSet,
  type ParserSpec,
  RecordParser,
  RecordPipeline,
  REDACTIONS,
  type RedactionSpec,
  ShippingRules,
  type ShippingSpec,
  START_STATE,
  type TextEncoding,
} from '#libs/log-pipeline';
import { byteSize, durationMs } from '#libs/yaml-config';
import { z } from 'zod';
import { InputRules } from './input-rules.ts';

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/, {
  error: 'accepted are letters, digits, _, . and -',
});
const fieldName = z.string().min(1).max(256);
const fieldNames = z.array(fieldName).max(32);

/** `+02:00`, as minutes east of Greenwich are written. */
const utcOffset = z
  .string()
  .regex(/^(?:UTC|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])$/, {
    error: 'accepted are UTC and offsets such as +02:00',
  })
  .transform((text) => {
    if (text === 'UTC') return 0;
    const seconds = Number(text.slice(1, 3)) * 3600 + Number(text.slice(4)) * 60;
    return text.startsWith('-') ? -seconds : seconds;
  });

const parserShape = z.strictObject({
  name,
  format: z.enum(PARSER_FORMATS, { error: `accepted are ${PARSER_FORMATS.join(', ')}` }),
  /** RE2 syntax; of `grok` with `%{NAME:field}`. */
  pattern: z.string().min(1).optional(),
  /** Patterns that a `grok` pattern may name. */
  patterns: z.record(z.string().regex(/^[A-Za-z0-9_]{1,100}$/), z.string().min(1)).default({}),
  /** Fields that become numbers where they are written like one. */
  numbers: fieldNames.default([]),
  message_fields: fieldNames.default(['message', 'msg']),
  level_fields: fieldNames.default(['level', 'severity', 'lvl', 'log.level', 'levelname']),
  time_field: fieldName.optional(),
  time_format: z.string().min(1).default('rfc3339'),
  /** Of times that tell none. */
  time_offset: utcOffset.default(0),
  keep_line: z.boolean().default(false),
});

const parserSchema = parserShape.transform((raw, context): ParserSpec => {
  const isPattern = raw.format === 'regex' || raw.format === 'grok';
  if (isPattern !== (raw.pattern !== undefined)) {
    const message = isPattern
      ? `format ${raw.format} needs a pattern`
      : `format ${raw.format} has no pattern; that is for regex and grok`;
    context.addIssue({ code: 'custom', path: ['pattern'], message });
    return z.NEVER;
  }
  const spec: ParserSpec = {
    name: raw.name,
    format: raw.format,
    ...(raw.pattern !== undefined && { pattern: raw.pattern }),
    patterns: raw.patterns,
    numbers: raw.numbers,
    messageFields: raw.message_fields,
    levelFields: raw.level_fields,
    timeField: raw.time_field ?? null,
    timeFormat: raw.time_format,
    timeOffsetSeconds: raw.time_offset,
    keepsLine: raw.keep_line,
  };
  return accepted(spec, context, () => new RecordParser(spec));
});

const ruleSchema = z
  .strictObject({
    name,
    /** A line that begins a record; every other line goes on with it, or those that match `continue`. */
    start: z.string().min(1).optional(),
    continue: z.string().min(1).optional(),
    /** A machine as Fluent Bit has them, which begins in `start_state`. */
    states: z
      .array(
        z.strictObject({
          state: z.string().min(1).max(100),
          regex: z.string().min(1),
          next: z.string().min(1).max(100),
        }),
      )
      .max(50)
      .optional(),
  })
  .transform((raw, context): MultilineSpec => {
    if ((raw.start === undefined) === (raw.states === undefined)) {
      context.addIssue({ code: 'custom', path: ['start'], message: 'give start or states' });
      return z.NEVER;
    }
    const spec: MultilineSpec =
      raw.start === undefined
        ? { name: raw.name, steps: raw.states ?? [] }
        : {
            name: raw.name,
            steps: [{ state: START_STATE, regex: raw.start, next: 'continue' }],
            rest: { regex: raw.continue ?? null },
          };
    return accepted(spec, context, () => multilineRuleOf(spec));
  });

function accepted<T>(value: T, context: z.RefinementCtx, make: () => unknown): T {
  try {
    make();
    return value;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  }
}

/** The keys of `logs` that say how records are made of lines. */
export const pipelineShape = {
  parsers: z.array(parserSchema).max(200).superRefine(checkNames).default([]),
  multiline_rules: z.array(ruleSchema).max(100).superRefine(checkNames).default([]),
  multiline_limits: z
    .strictObject({
      lines: z.int().min(2).max(100_000).default(1_000),
      size: byteSize()
        .refine((bytes) => bytes >= 1024 && bytes <= 16 * 1024 * 1024, {
          error: 'accepted are 1KiB to 16MiB',
        })
        .prefault('256KiB'),
      /** How long a record waits for its next line. */
      wait: durationMs({ minMs: 10 }).prefault('1s'),
    })
    .prefault({}),
};

const recordShape = {
  /** RE2 syntax, found anywhere in the message. */
  pattern: z.string().min(1).optional(),
  levels: z.array(z.enum(LOG_LEVELS)).min(1).optional(),
  streams: z
    .array(z.enum(['stdout', 'stderr']))
    .min(1)
    .optional(),
};

interface RawRecords {
  readonly pattern?: string | undefined;
  readonly levels?: readonly LogLevel[] | undefined;
  readonly streams?: readonly ('stdout' | 'stderr')[] | undefined;
}

function recordsMeant({ pattern, levels, streams }: RawRecords): DropSpec {
  return { pattern: pattern ?? null, levels: levels ?? null, streams: streams ?? null };
}

const dropSchema = z.strictObject(recordShape).refine((raw) => Object.keys(raw).length > 0, {
  error: 'give pattern, levels or streams; an empty rule would drop everything',
});

/** Levels that say that something is wrong are kept unless they are named. */
const SAMPLED_LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'unknown'];

const redactSchema = z.strictObject({
  kinds: z
    .array(z.enum(REDACTIONS, { error: `accepted are ${REDACTIONS.join(', ')}` }))
    .default([]),
  patterns: z
    .array(z.strictObject({ name, pattern: z.string().min(1) }))
    .max(100)
    .default([]),
});

const shippingShape = {
  drop: z.array(dropSchema).max(100).default([]),
  sample: z
    .array(z.strictObject({ ...recordShape, keep: z.number().min(0).max(1) }))
    .max(100)
    .default([]),
  /** Of each container. */
  rate_limit: z
    .strictObject({
      lines: z.number().positive().max(10_000_000),
      /** At once; by default what five seconds allow. */
      burst: z.number().min(1).max(100_000_000).optional(),
    })
    .optional(),
  redact: redactSchema.prefault({}),
};

interface RawShipping {
  readonly drop: readonly RawRecords[];
  readonly sample: readonly (RawRecords & { readonly keep: number })[];
  readonly rate_limit?: { readonly lines: number; readonly burst?: number | undefined } | undefined;
  readonly redact: RedactionSpec;
}

function shippingOf({ drop, sample, rate_limit: rate, redact }: RawShipping): ShippingSpec {
  return {
    drop: drop.map(recordsMeant),
    sample: sample.map((raw) => ({
      ...recordsMeant(raw),
      levels: raw.levels ?? SAMPLED_LEVELS,
      keep: raw.keep,
    })),
    rateLimit:
      rate === undefined
        ? null
        : { linesPerSecond: rate.lines, burst: rate.burst ?? Math.max(1, rate.lines * 5) },
    redact,
  };
}

/** What may be said of records however they come. */
const recordPipelineShape = {
  /** A parser of `parsers`, or a built-in one. */
  parser: name.optional(),
  ...shippingShape,
};

/** The keys of a group of files that say how records are made of its lines. */
export const groupPipelineShape = {
  /** Rules of `multiline_rules` and built-in ones; `auto` is all built-in ones. */
  multiline: z.array(name).max(50).default([]),
  ...recordPipelineShape,
};

const texts = z.array(z.string().min(1).max(1_024)).min(1).max(1_000).optional();

/** What is done with records of inputs, by the first rule that means them. */
export const inputRulesSchema = z
  .array(
    z.strictObject({
      /** The group that the records are counted in. */
      name,
      /** Names of inputs; by default all. */
      inputs: texts,
      /** With `*` for any characters. */
      tags: texts,
      /** Of the pod that has sent them, or of which they are said to be. */
      namespaces: texts,
      ...recordPipelineShape,
    }),
  )
  .max(200)
  .superRefine(checkNames)
  .default([]);

export type InputRuleConfig = z.output<typeof inputRulesSchema>[number];

function checkNames(items: readonly { readonly name: string }[], context: z.RefinementCtx): void {
  const seen = new Set<string>();
  items.forEach((item, index) => {
    if (seen.has(item.name)) {
      const message = `there is another one called ${item.name}`;
      context.addIssue({ code: 'custom', path: [index, 'name'], message });
    }
    seen.add(item.name);
  });
}

/** What the keys of {@link pipelineShape} say. */
interface PipelineSection {
  readonly parsers: readonly ParserSpec[];
  readonly multiline_rules: readonly MultilineSpec[];
  readonly multiline_limits: {
    readonly lines: number;
    readonly size: number;
    readonly wait: number;
  };
  readonly pods: { readonly obey_annotations: boolean };
}

/** What a group of files says of its pipeline. */
interface PipelineGroup extends RawShipping {
  readonly format: LogFormat;
  readonly encoding: TextEncoding;
  readonly labels: Readonly<Record<string, string>>;
  readonly max_line_bytes: number;
  readonly parser?: string | undefined;
  readonly multiline: readonly string[];
}

/** Makes the pipelines of groups; their parsers and rules are shared. */
export class PipelineFactory {
  readonly #section: PipelineSection;
  readonly #parsers: ParserSet;
  readonly #rules: readonly MultilineRule[];

  constructor(section: PipelineSection) {
    this.#section = section;
    this.#parsers = new ParserSet(section.parsers);
    this.#rules = multilineRulesOf(section.multiline_rules);
  }

  create(group: PipelineGroup): RecordPipeline {
    const { multiline_limits: limits, pods } = this.#section;
    return new RecordPipeline({
      format: group.format,
      encoding: group.encoding,
      maxMessageBytes: group.max_line_bytes,
      parsers: this.#parsers,
      parser: group.parser ?? null,
      multilineRules: this.#rules,
      multiline: multilineNames(group.multiline),
      multilineLimits: { maxLines: limits.lines, maxBytes: limits.size, timeoutMs: limits.wait },
      shipping: shippingOf(group),
      labelNames: Object.keys(group.labels),
      obeysAnnotations: pods.obey_annotations,
    });
  }

  /** What is done with records of inputs. */
  inputRules(rules: readonly InputRuleConfig[]): InputRules {
    const create = (parser: string | null, shipping: ShippingSpec): EventPipeline =>
      new EventPipeline({
        parsers: this.#parsers,
        parser,
        shipping,
        obeysAnnotations: this.#section.pods.obey_annotations,
      });
    return new InputRules(
      rules.map((rule) => ({
        name: rule.name,
        match: {
          inputs: rule.inputs ?? null,
          tags: rule.tags ?? null,
          namespaces: rule.namespaces ?? null,
        },
        pipeline: create(rule.parser ?? null, shippingOf(rule)),
      })),
      () => create(null, NO_SHIPPING_RULES),
    );
  }
}

const NO_SHIPPING_RULES: ShippingSpec = {
  drop: [],
  sample: [],
  rateLimit: null,
  redact: { kinds: [], patterns: [] },
};

type NamedPipeline = Pick<PipelineGroup, 'parser'> & RawShipping;

/** Complains about parsers and rules that there are not. */
export function checkPipelineNames(
  section: Pick<PipelineSection, 'parsers' | 'multiline_rules'> & {
    readonly files: readonly (NamedPipeline & Pick<PipelineGroup, 'multiline'>)[];
    readonly inputs: { readonly rules: readonly NamedPipeline[] };
  },
  context: z.RefinementCtx,
): void {
  const parsers = new ParserSet(section.parsers).names;
  const rules = multilineRulesOf(section.multiline_rules).map((rule) => rule.name);
  const check = ({ parser, ...shipping }: NamedPipeline, path: (string | number)[]): void => {
    try {
      void new ShippingRules(shippingOf(shipping));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      context.addIssue({ code: 'custom', path, message });
    }
    if (parser !== undefined && !parsers.includes(parser)) {
      const message = `no parser is called ${parser}; there are ${parsers.join(', ')}`;
      context.addIssue({ code: 'custom', path: [...path, 'parser'], message });
    }
  };
  section.files.forEach((group, index) => {
    check(group, ['files', index]);
    for (const [at, rule] of multilineNames(group.multiline).entries()) {
      if (rules.includes(rule)) continue;
      const message = `no multiline rule is called ${rule}; there are auto, ${rules.join(', ')}`;
      context.addIssue({ code: 'custom', path: ['files', index, 'multiline', at], message });
    }
  });
  section.inputs.rules.forEach((rule, index) => check(rule, ['inputs', 'rules', index]));
}

function multilineRulesOf(specs: readonly MultilineSpec[]): readonly MultilineRule[] {
  const own = specs.map(multilineRuleOf);
  const names = new Set(own.map((rule) => rule.name));
  return [...own, ...MULTILINE_RULES.filter((rule) => !names.has(rule.name))];
}

/** The names of rules that are meant, `auto` written out. */
function multilineNames(names: readonly string[]): readonly string[] {
  const builtIn = MULTILINE_RULES.map((rule) => rule.name);
  return [...new Set(names.flatMap((one) => (one === 'auto' ? builtIn : one)))];
}
