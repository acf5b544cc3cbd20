import type {
  LabelAssignment,
  LabelChoice,
  LabelExtraction,
  LineFilterOperator,
  LineFilterText,
  Stage,
  Unwrap,
} from '../ast.ts';
import { checkJsonPath } from '../pipeline/json-path.ts';
import { checkTemplate } from '../pipeline/line-template.ts';
import { checkPattern } from '../pipeline/line-pattern.ts';
import { takeIp, takeLabelFilter } from './label-filter-parser.ts';
import { LINE_FILTERS, MATCHER_KINDS } from './operators.ts';
import type { TokenCursor } from './token-cursor.ts';

/** Whether a stage, an unwrap included, begins here. */
export function isStageNext(cursor: TokenCursor): boolean {
  const { kind, text } = cursor.token;
  return kind === 'symbol' && (text === '|' || LINE_FILTERS.has(text));
}

/** Takes a stage; `unwrap` is told apart by its kind. */
export function takeStage(cursor: TokenCursor): Stage | (Unwrap & { readonly kind: 'unwrap' }) {
  cursor.countPart();
  const lineFilter = LINE_FILTERS.get(cursor.token.text);
  if (lineFilter !== undefined) {
    cursor.take();
    return takeLineFilter(cursor, lineFilter);
  }
  cursor.expectSymbol('|');
  const { token } = cursor;
  if (token.kind !== 'identifier') {
    if (cursor.isSymbol('(')) return { kind: 'label-filter', filter: takeLabelFilter(cursor) };
    cursor.unexpected('expecting a parser, a format or a label filter');
  }
  switch (token.text) {
    case 'json':
      cursor.take();
      return { kind: 'json', extractions: takeExtractions(cursor, checkJsonPath) };
    case 'logfmt':
      cursor.take();
      return takeLogfmt(cursor);
    case 'regexp': {
      cursor.take();
      return { kind: 'regexp', pattern: takeGroupsPattern(cursor) };
    }
    case 'pattern': {
      cursor.take();
      const at = cursor.token;
      const pattern = cursor.expectString('a pattern');
      const reason = checkPattern(pattern, 'parser');
      if (reason !== null) cursor.fail(reason, at);
      return { kind: 'pattern', pattern };
    }
    case 'unpack':
    case 'decolorize':
      cursor.take();
      return { kind: token.text };
    case 'line_format': {
      cursor.take();
      return { kind: 'line-format', template: takeTemplate(cursor) };
    }
    case 'label_format':
      cursor.take();
      return { kind: 'label-format', assignments: takeAssignments(cursor) };
    case 'drop':
    case 'keep':
      cursor.take();
      return { kind: token.text, choices: takeChoices(cursor) };
    case 'unwrap':
      cursor.take();
      return takeUnwrap(cursor);
    default:
      return { kind: 'label-filter', filter: takeLabelFilter(cursor) };
  }
}

function takeLineFilter(cursor: TokenCursor, operator: LineFilterOperator): Stage {
  const texts: LineFilterText[] = [];
  do {
    cursor.countPart();
    const { token } = cursor;
    if (cursor.isWord('ip')) {
      if (operator !== '|=' && operator !== '!=') cursor.unexpected('ip() follows |= or !=');
      texts.push({ kind: 'ip', value: takeIp(cursor) });
      continue;
    }
    const value = cursor.expectString('the text of a line filter');
    if (operator === '|~' || operator === '!~') cursor.checkSearch(value, token);
    if (operator === '|>' || operator === '!>') {
      const reason = checkPattern(value, 'filter');
      if (reason !== null) cursor.fail(reason, token);
    }
    texts.push({ kind: 'text', value });
  } while (cursor.takeIfWord('or'));
  return { kind: 'line-filter', operator, texts };
}

function takeLogfmt(cursor: TokenCursor): Stage {
  let isStrict = false;
  let keepsEmpty = false;
  while (cursor.token.kind === 'flag') {
    if (cursor.token.text === '--strict') isStrict = true;
    else if (cursor.token.text === '--keep-empty') keepsEmpty = true;
    else cursor.unexpected('logfmt has the flags --strict and --keep-empty');
    cursor.take();
  }
  const extractions = takeExtractions(cursor, (key) =>
    /^[^\s="]+$/.test(key) ? null : `${JSON.stringify(key)} is not a key of logfmt`,
  );
  return { kind: 'logfmt', isStrict, keepsEmpty, extractions };
}

/** None, or `label`, `label="expression"` joined by commas. */
function takeExtractions(
  cursor: TokenCursor,
  check: (expression: string) => string | null,
): LabelExtraction[] {
  const extractions: LabelExtraction[] = [];
  if (cursor.token.kind !== 'identifier') return extractions;
  do {
    cursor.countPart();
    const at = cursor.token;
    const label = cursor.expectIdentifier('a label');
    const expression = cursor.takeIfSymbol('=') ? cursor.expectString('an expression') : label;
    const reason = check(expression);
    if (reason !== null) cursor.fail(reason, at);
    if (extractions.some((each) => each.label === label)) {
      cursor.fail(`label ${label} is extracted twice`, at);
    }
    extractions.push({ label, expression });
  } while (cursor.takeIfSymbol(','));
  return extractions;
}

function takeGroupsPattern(cursor: TokenCursor): string {
  const { token } = cursor;
  const pattern = cursor.expectString('a regular expression');
  const names = [...cursor.checkSearch(pattern, token).groupNames().keys()];
  if (names.length === 0) {
    cursor.fail('at least one named capture must be supplied, such as (?P<name>re)', token);
  }
  const bad = names.find((name) => !/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name));
  if (bad !== undefined) cursor.fail(`invalid capture label name ${JSON.stringify(bad)}`, token);
  return pattern;
}

function takeTemplate(cursor: TokenCursor): string {
  const { token } = cursor;
  const template = cursor.expectString('a template');
  cursor.countPattern(token);
  const reason = checkTemplate(template);
  if (reason !== null) cursor.fail(`invalid template: ${reason}`, token);
  return template;
}

function takeAssignments(cursor: TokenCursor): LabelAssignment[] {
  const assignments: LabelAssignment[] = [];
  do {
    cursor.countPart();
    const at = cursor.token;
    const target = cursor.expectIdentifier('a label to set');
    if (target === '__error__' || target === '__error_details__') {
      cursor.fail(`${target} cannot be formatted`, at);
    }
    if (assignments.some((each) => each.target === target)) {
      cursor.fail(`label ${target} can only be formatted once per stage`, at);
    }
    cursor.expectSymbol('=');
    const source: LabelAssignment['source'] =
      cursor.token.kind === 'string'
        ? { kind: 'template', value: takeTemplate(cursor) }
        : { kind: 'label', value: cursor.expectIdentifier('a label or a template in quotes') };
    assignments.push({ target, source });
  } while (cursor.takeIfSymbol(','));
  return assignments;
}

function takeChoices(cursor: TokenCursor): LabelChoice[] {
  const choices: LabelChoice[] = [];
  do {
    cursor.countPart();
    const name = cursor.expectIdentifier('a label');
    const { kind, text } = cursor.token;
    // A line filter may follow: `| drop level != "text"` takes the text for the label's value, as upstream does.
    const matcherKind = kind === 'symbol' ? MATCHER_KINDS.get(text) : undefined;
    if (matcherKind !== undefined) {
      cursor.take();
      const at = cursor.token;
      const value = cursor.expectString('a value');
      choices.push({
        kind: 'matcher',
        matcher: cursor.matcher(name, matcherKind, value, at),
      });
    } else {
      choices.push({ kind: 'name', name });
    }
  } while (cursor.takeIfSymbol(','));
  return choices;
}

function takeUnwrap(cursor: TokenCursor): Unwrap & { readonly kind: 'unwrap' } {
  const word = cursor.expectIdentifier('a label to unwrap');
  if (!cursor.takeIfSymbol('(')) {
    return { kind: 'unwrap', label: word, conversion: 'number', filters: [] };
  }
  if (word !== 'duration' && word !== 'duration_seconds' && word !== 'bytes') {
    cursor.fail(`unwrap converts with duration, duration_seconds or bytes, not with ${word}`);
  }
  const label = cursor.expectIdentifier('a label to unwrap');
  cursor.expectSymbol(')');
  return { kind: 'unwrap', label, conversion: word, filters: [] };
}
