import { type Document, isMap, isNode, isScalar, isSeq, type LineCounter } from 'yaml';
import { type ConfigProblem, ConfigTextError } from './config-text-error.ts';

/**
 * How both readers have a text parsed. The parser's own look for keys given twice compares each key with every other, which
 * takes a minute for 40,000 of them; {@link refuseUnsound} looks instead.
 */
export const YAML_OPTIONS = {
  prettyErrors: false,
  version: '1.2',
  merge: true,
  stringKeys: true,
  uniqueKeys: false,
} as const;

/** Most problems that are told at once; more would only make the message longer than the text. */
export const MAX_PROBLEMS = 100;

const TOO_DEEP = 'the text is nested too deeply';
/** More brackets open at a time than any text for people has, those inside its strings included. */
const MAX_OPEN_BRACKETS = 2_000;
/** Whoever walks a document recurses; so deep, no stack ends. */
const MAX_DEPTH = 1_000;

/** Looks at a text before the parser does. @throws ConfigTextError for one that is too long or opens too many brackets */
export function refuseUnreadable(text: string, file: string, maxLength: number): void {
  if (text.length > maxLength) {
    const message = `the text has ${text.length} characters; at most ${maxLength} are accepted`;
    throw new ConfigTextError(file, [{ line: 0, path: '', message }]);
  }
  if (opensTooDeep(text)) {
    throw new ConfigTextError(file, [{ line: 1, path: '', message: TOO_DEEP }]);
  }
}

/** A cheap look before the parser, which takes a second over 64 Ki brackets before its stack ends. */
function opensTooDeep(text: string): boolean {
  let open = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x5b || code === 0x7b) {
      if (++open > MAX_OPEN_BRACKETS) return true;
    } else if ((code === 0x5d || code === 0x7d) && open > 0) open--;
  }
  return false;
}

/** @throws ConfigTextError for a document with errors, keys given twice, or more levels than anybody can walk */
export function refuseUnsound(document: Document.Parsed, lines: LineCounter, file: string): void {
  const problems =
    document.errors.length > 0 ? errorsOf(document, lines) : keyProblems(document, lines);
  if (problems.length > 0) throw new ConfigTextError(file, problems);
}

function errorsOf({ errors }: Document.Parsed, lines: LineCounter): ConfigProblem[] {
  // The parser recurses; where that ends, everything after it is a consequence.
  const overflow = errors.find(({ message }) => /call stack|stack overflow/i.test(message));
  if (overflow !== undefined) return [problemAt(overflow.pos[0], TOO_DEEP, lines)];
  return errors
    .slice(0, MAX_PROBLEMS)
    .map((error) => problemAt(error.pos[0], error.message.split('\n', 1)[0]!, lines));
}

/** Keys given twice, in the order of the text; or the one place where the text is too deep. */
function keyProblems(document: Document.Parsed, lines: LineCounter): ConfigProblem[] {
  const repeated: number[] = [];
  const ahead: { node: unknown; depth: number }[] = [{ node: document.contents, depth: 1 }];
  for (let next = ahead.pop(); next !== undefined; next = ahead.pop()) {
    const { node, depth } = next;
    if (!isMap(node) && !isSeq(node)) continue;
    if (depth > MAX_DEPTH) return [problemAt(node.range?.[0] ?? 0, TOO_DEEP, lines)];
    if (isSeq(node)) {
      for (const item of node.items) ahead.push({ node: item, depth: depth + 1 });
      continue;
    }
    const seen = new Set<unknown>();
    for (const { key, value } of node.items) {
      const name: unknown = isScalar(key) ? key.value : key;
      if (seen.has(name)) repeated.push(isNode(key) ? (key.range?.[0] ?? 0) : 0);
      seen.add(name);
      ahead.push({ node: value, depth: depth + 1 });
    }
  }
  return repeated
    .toSorted((a, b) => a - b)
    .slice(0, MAX_PROBLEMS)
    .map((offset) => problemAt(offset, 'Map keys must be unique', lines));
}

function problemAt(offset: number, message: string, lines: LineCounter): ConfigProblem {
  return { line: lines.linePos(offset).line, path: '', message };
}
