import { isMap, isNode, isScalar, isSeq, LineCounter, type ParsedNode, parseDocument } from 'yaml';
import { z } from 'zod';
import { type ConfigProblem, ConfigTextError } from './config-text-error.ts';
import {
  followTrace,
  type MergeClash,
  mergeValues,
  type TracedValue,
  tracedText,
} from './merge-values.ts';
import { unwrapSchema } from './unwrap-schema.ts';
import { keepScalarTexts } from './yaml-text.ts';
import { MAX_PROBLEMS, refuseUnreadable, refuseUnsound, YAML_OPTIONS } from './sound-document.ts';
import { substituteEnv } from './substitute-env.ts';

export interface ParseYamlOptions {
  /** The file's name as messages show it. */
  readonly file: string;
  /** Largest text taken, in UTF-16 units. Default 4 Mi. */
  readonly maxLength?: number;
  /** Most aliases expanded before the text is refused (a small file can ask for gigabytes). Default 100. */
  readonly maxAliasCount?: number;
  /** Where `${NAME}` in values comes from; without it such texts stay as they are. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

type Path = readonly PropertyKey[];

/** One of the texts of a configuration. */
export interface ConfigText {
  /** The file's name as messages show it. */
  readonly file: string;
  readonly text: string;
}

/** A text that was read, for the lines of what is wrong in it. */
interface Source {
  readonly file: string;
  readonly root: ParsedNode | null;
  readonly lines: LineCounter;
}

/** Finds where something was written. */
type Locate = (path: Path) => Place;

type Place = Pick<ConfigProblem, 'file' | 'line'>;

/**
 * Reads YAML text against a schema. An empty text is an empty object. All problems are told at once, at most a hundred,
 * each with its line and with what would be accepted; the text's values appear in no message, since they may be secrets.
 * @throws ConfigTextError
 */
export function parseYamlConfig<Schema extends z.ZodType>(
  text: string,
  schema: Schema,
  options: ParseYamlOptions,
): z.output<Schema> {
  return parseYamlConfigs([{ file: options.file, text }], schema, options);
}

/**
 * The same for a configuration in several texts: maps have the keys of all, lists the items of all in the order of the
 * texts, and items with the same `name` (or `job_name`) are one. What two texts say differently is a problem that names both.
 * @throws ConfigTextError
 */
export function parseYamlConfigs<Schema extends z.ZodType>(
  texts: readonly ConfigText[],
  schema: Schema,
  options: Omit<ParseYamlOptions, 'file'> = {},
): z.output<Schema> {
  const sources: Source[] = [];
  const clashes: MergeClash[] = [];
  let merged: TracedValue | null = null;
  for (const { file, text } of texts) {
    const { value, ...source } = readText(text, schema, { ...options, file });
    const traced = tracedText(value, sources.length);
    sources.push({ file, ...source });
    merged = merged === null ? traced : mergeValues(merged, traced, clashes);
  }
  const whole = merged ?? tracedText(null, 0);
  const [{ file } = { file: '(defaults)' }] = sources;
  const place = ({ source, path }: TracedValue['origin']): Place => {
    const at = sources[source];
    if (at === undefined) return { line: 0 };
    const line = lineOf(at.root, path, at.lines);
    return at.file === file ? { line } : { file: at.file, line };
  };
  if (clashes.length > 0) {
    const problems = clashes.slice(0, MAX_PROBLEMS).map(({ path, first, second }) => {
      const { file: other = file, line } = place(first.origin);
      const message = `${other}:${line} says something else; only one of the files may say it`;
      return problemAt(place(second.origin), path, message);
    });
    throw new ConfigTextError(file, problems);
  }
  const parsed = schema.safeParse(whole.value ?? {});
  if (parsed.success) return parsed.data;
  const locate: Locate = (path) => place(followTrace(whole, path));
  const problems = parsed.error.issues
    .slice(0, MAX_PROBLEMS)
    .flatMap((issue) => problemsOf(issue, schema, locate));
  throw new ConfigTextError(file, problems.slice(0, MAX_PROBLEMS));
}

/** @throws ConfigTextError */
function readText(
  text: string,
  schema: z.ZodType,
  options: ParseYamlOptions,
): Omit<Source, 'file'> & { readonly value: unknown } {
  const { file, maxLength = 4 * 1024 * 1024, maxAliasCount = 100 } = options;
  refuseUnreadable(text, file, maxLength);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, ...YAML_OPTIONS });
  refuseUnsound(document, lines, file);
  const missing = options.env === undefined ? [] : substituteEnv(document, options.env);
  if (missing.length > 0) {
    const problems = missing.slice(0, MAX_PROBLEMS).map(({ name, offset }) => ({
      line: lines.linePos(offset).line,
      path: '',
      message: `the environment variable ${name} is not set`,
    }));
    throw new ConfigTextError(file, problems);
  }
  keepScalarTexts(document.contents, schema);
  try {
    const value = document.toJS({ maxAliasCount }) as unknown;
    return { value, root: document.contents, lines };
  } catch (error) {
    const message = error instanceof Error ? firstLine(error.message) : String(error);
    throw new ConfigTextError(file, [{ line: 0, path: '', message }]);
  }
}

function problemsOf(issue: z.core.$ZodIssue, schema: z.ZodType, locate: Locate): ConfigProblem[] {
  if (issue.code === 'unrecognized_keys') {
    const accepted = acceptedKeys(schema, issue.path);
    const hint = accepted.length === 0 ? '' : `; accepted are ${accepted.join(', ')}`;
    return issue.keys.slice(0, MAX_PROBLEMS).map((key) => {
      const path = [...issue.path, key];
      return problemAt(locate(path), path, `unknown key ${JSON.stringify(key)}${hint}`);
    });
  }
  if (issue.code === 'invalid_key') {
    // What is wrong with the key, at the key's own path.
    return issue.issues.map((inner) => problemAt(locate(issue.path), issue.path, inner.message));
  }
  if (issue.code === 'invalid_union') {
    // The alternative that got furthest says best what was meant; one with a wrong key was meant as well.
    const deepest = issue.errors.toSorted((a, b) => depthOf(b) - depthOf(a))[0];
    if (deepest !== undefined && depthOf(deepest) > 0) {
      return deepest.flatMap((inner) =>
        problemsOf({ ...inner, path: [...issue.path, ...inner.path] }, schema, locate),
      );
    }
  }
  return [problemAt(locate(issue.path), issue.path, issue.message)];
}

function problemAt(place: Place, path: Path, message: string): ConfigProblem {
  return { ...place, path: formatPath(path), message };
}

function depthOf(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(
    0,
    ...issues.map(({ code, path }) => path.length + (code === 'unrecognized_keys' ? 1 : 0)),
  );
}

/** The line of the key a path leads to, or of the nearest thing above it. */
function lineOf(root: ParsedNode | null, path: Path, lines: LineCounter): number {
  let node: unknown = root;
  let offset = root?.range[0] ?? 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => isScalar(item.key) && String(item.key.value) === String(step),
      );
      if (pair === undefined) break;
      if (isNode(pair.key) && pair.key.range) offset = pair.key.range[0];
      node = pair.value;
    } else if (isSeq(node)) {
      const item: unknown = node.items[Number(step)];
      if (!isNode(item)) break;
      if (item.range) offset = item.range[0];
      node = item;
    } else {
      break;
    }
  }
  return lines.linePos(offset).line;
}

function formatPath(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? String(step) : `.${String(step)}`;
  }
  return text;
}

/** The keys an object schema at a path knows; empty where the path leads into something without fixed keys. */
function acceptedKeys(schema: z.ZodType, path: Path): string[] {
  let current: unknown = schema;
  for (const step of path) {
    const inner = mapOf(unwrapSchema(current));
    if (inner instanceof z.ZodObject)
      current = (inner.shape as Record<string, unknown>)[String(step)];
    else if (inner instanceof z.ZodArray) current = inner.element;
    else if (inner instanceof z.ZodRecord) current = inner.valueType;
    else return [];
  }
  const target = mapOf(unwrapSchema(current));
  return target instanceof z.ZodObject ? Object.keys(target.shape).toSorted() : [];
}

/** Of several alternatives the one with keys. */
function mapOf(schema: unknown): unknown {
  if (!(schema instanceof z.ZodUnion)) return schema;
  return schema.options.map(unwrapSchema).find((option) => option instanceof z.ZodObject) ?? schema;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!;
}
