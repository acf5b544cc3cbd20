import { isMap, isNode, isScalar, isSeq, LineCounter, type ParsedNode, parseDocument } from 'yaml';
import { z } from 'zod';
import { type ConfigProblem, ConfigTextError } from './config-text-error.ts';
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
  let value: unknown;
  try {
    value = (document.toJS({ maxAliasCount }) as unknown) ?? {};
  } catch (error) {
    const message = error instanceof Error ? firstLine(error.message) : String(error);
    throw new ConfigTextError(file, [{ line: 0, path: '', message }]);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const root = document.contents;
  const problems = parsed.error.issues
    .slice(0, MAX_PROBLEMS)
    .flatMap((issue) => problemsOf(issue, schema, root, lines));
  throw new ConfigTextError(file, problems.slice(0, MAX_PROBLEMS));
}

function problemsOf(
  issue: z.core.$ZodIssue,
  schema: z.ZodType,
  root: ParsedNode | null,
  lines: LineCounter,
): ConfigProblem[] {
  if (issue.code === 'unrecognized_keys') {
    const accepted = acceptedKeys(schema, issue.path);
    const hint = accepted.length === 0 ? '' : `; accepted are ${accepted.join(', ')}`;
    return issue.keys.slice(0, MAX_PROBLEMS).map((key) => ({
      line: lineOf(root, [...issue.path, key], lines),
      path: formatPath([...issue.path, key]),
      message: `unknown key ${JSON.stringify(key)}${hint}`,
    }));
  }
  if (issue.code === 'invalid_key') {
    // What is wrong with the key, at the key's own path.
    return issue.issues.map((inner) => ({
      line: lineOf(root, issue.path, lines),
      path: formatPath(issue.path),
      message: inner.message,
    }));
  }
  if (issue.code === 'invalid_union') {
    // The alternative that got furthest says best what was meant; one with a wrong key was meant as well.
    const deepest = issue.errors.toSorted((a, b) => depthOf(b) - depthOf(a))[0];
    if (deepest !== undefined && depthOf(deepest) > 0) {
      return deepest.flatMap((inner) =>
        problemsOf({ ...inner, path: [...issue.path, ...inner.path] }, schema, root, lines),
      );
    }
  }
  return [
    {
      line: lineOf(root, issue.path, lines),
      path: formatPath(issue.path),
      message: issue.message,
    },
  ];
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
