import { RE2JS } from 're2js';
import { patternCost } from './pattern-cost.ts';

/** A regular expression that RE2 does not accept; the message says why. */
export class RegExpSyntaxError extends Error {
  override readonly name = 'RegExpSyntaxError';
  readonly pattern: string;
  constructor(pattern: string, reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.pattern = pattern;
  }
}

/** Longest pattern taken, in UTF-16 units; compiling takes memory in proportion to it. */
export const MAX_PATTERN_LENGTH = 64 * 1024;

/** Most that a pattern may come to once its repetitions are written out, see {@link patternCost}. */
const MAX_PATTERN_COST = 64 * 1024;

/**
 * A pattern of bounded length and size, compiled.
 * @param flags of `RE2JS`
 * @throws RegExpSyntaxError
 */
export function compileRe2(pattern: string, flags: number): RE2JS {
  refuseTooLong(pattern);
  // Compiling 64 Ki of it takes about 100 ms.
  const cost = patternCost(pattern);
  if (cost > MAX_PATTERN_COST) {
    throw new RegExpSyntaxError(
      pattern,
      `regular expression too large: its groups, classes and repetitions come to about ${Math.round(cost)} characters; at most ${MAX_PATTERN_COST} are accepted`,
    );
  }
  try {
    return RE2JS.compile(pattern, flags);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    // The library shows its own prefix for DOTALL as part of the pattern.
    const shown = flags === RE2JS.DOTALL ? reason.replace('(?s)', '') : reason;
    throw new RegExpSyntaxError(pattern, shown, { cause: error });
  }
}

function refuseTooLong(pattern: string): void {
  if (pattern.length <= MAX_PATTERN_LENGTH) return;
  throw new RegExpSyntaxError(
    pattern.slice(0, 64),
    `regular expression of ${pattern.length} characters; at most ${MAX_PATTERN_LENGTH} are accepted`,
  );
}

/**
 * What a pattern comes down to, where it is one of the common simple shapes. Stores use it to look values up
 * instead of testing all of them.
 */
export type PatternShape =
  | { readonly kind: 'everything' }
  | { readonly kind: 'anything-but-empty' }
  | { readonly kind: 'alternatives'; readonly values: readonly string[] }
  | { readonly kind: 'prefix'; readonly prefix: string; readonly allowsEmptyRest: boolean }
  | { readonly kind: 'suffix'; readonly suffix: string; readonly allowsEmptyRest: boolean }
  | { readonly kind: 'contains'; readonly infix: string }
  | { readonly kind: 'general' };

/**
 * A regular expression in RE2's syntax that runs in time linear in the text, whatever the pattern. It is anchored at
 * both ends and `.` matches newlines, as in Prometheus: `^(?s:pattern)$`.
 */
export class LinearRegExp {
  readonly pattern: string;
  readonly shape: PatternShape;
  /** Null until it is needed: a list of thousands of values is looked up in, not matched. */
  #compiled: RE2JS | null = null;
  readonly #alternatives: ReadonlySet<string> | null;

  /** @throws RegExpSyntaxError */
  constructor(pattern: string) {
    this.pattern = pattern;
    refuseTooLong(pattern);
    this.shape = shapeOf(pattern);
    if (this.shape.kind !== 'alternatives') this.#compiled = compileRe2(pattern, RE2JS.DOTALL);
    this.#alternatives = this.shape.kind === 'alternatives' ? new Set(this.shape.values) : null;
  }

  /** About how much work compiling it is ({@link patternCost}); 0 where values are looked up instead. */
  get matchingCost(): number {
    return this.#alternatives === null ? patternCost(this.pattern) : 0;
  }

  /** Compiles now what is otherwise compiled by the first {@link expand}. @throws RegExpSyntaxError */
  prepare(): void {
    this.#program();
  }

  #program(): RE2JS {
    this.#compiled ??= compileRe2(this.pattern, RE2JS.DOTALL);
    return this.#compiled;
  }

  /** Whether the whole of `text` matches. */
  test(text: string): boolean {
    const { shape } = this;
    switch (shape.kind) {
      case 'everything':
        return true;
      case 'anything-but-empty':
        return text !== '';
      case 'alternatives':
        return this.#alternatives!.has(text);
      case 'prefix':
        return (
          text.startsWith(shape.prefix) &&
          (shape.allowsEmptyRest || text.length > shape.prefix.length)
        );
      case 'suffix':
        return (
          text.endsWith(shape.suffix) &&
          (shape.allowsEmptyRest || text.length > shape.suffix.length)
        );
      case 'contains':
        return text.includes(shape.infix);
      case 'general':
        return this.#program().matcher(text).matches();
    }
  }

  /**
   * If the whole of `text` matches, `template` with `$1`, `${1}`, `$name`, `${name}` replaced by the groups and `$$` by
   * a dollar sign, by the rules of Go's `Regexp.Expand`: an unknown or unmatched group is empty. Otherwise null.
   */
  expand(text: string, template: string): string | null {
    const matcher = this.#program().matcher(text);
    if (!matcher.matches()) return null;
    const named = this.#program().namedGroups();
    return expandTemplate(template, (reference) => {
      if (/^[0-9]+$/.test(reference)) {
        const index = Number(reference);
        return index <= matcher.groupCount() ? (matcher.group(index) ?? '') : '';
      }
      return Object.hasOwn(named, reference) ? (matcher.group(reference) ?? '') : '';
    });
  }

  /** Whether a capturing group of that name exists. */
  hasGroup(name: string): boolean {
    return Object.hasOwn(this.#program().namedGroups(), name);
  }
}

const REFERENCE = /\$(?:\$|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/gu;

/** Replaces the references of Go's `Regexp.Expand` in a template. */
export function expandTemplate(template: string, groupOf: (reference: string) => string): string {
  if (!template.includes('$')) return template;
  return template.replace(REFERENCE, (whole, braced?: string, bare?: string) => {
    if (whole === '$$') return '$';
    return groupOf(braced ?? bare ?? '');
  });
}

const META = /[\\^$.|?*+()[\]{}]/;
const MAX_ALTERNATIVES = 10_000;

function shapeOf(pattern: string): PatternShape {
  if (pattern === '.*') return { kind: 'everything' };
  if (pattern === '.+') return { kind: 'anything-but-empty' };
  const inner = unwrapGroup(pattern);
  const alternatives = splitLiterals(inner);
  if (alternatives !== null) return { kind: 'alternatives', values: alternatives };
  const startsOpen = inner.startsWith('.*') || inner.startsWith('.+');
  const endsOpen = /(?:^|[^\\])\.[*+]$/.test(inner);
  const head = startsOpen ? inner.slice(0, 2) : '';
  const tail = endsOpen && inner.length > head.length ? inner.slice(-2) : '';
  const middle = readLiteral(inner.slice(head.length, inner.length - tail.length));
  if (middle === null || middle === '') return { kind: 'general' };
  if (head === '' && tail !== '') {
    return { kind: 'prefix', prefix: middle, allowsEmptyRest: tail === '.*' };
  }
  if (head !== '' && tail === '') {
    return { kind: 'suffix', suffix: middle, allowsEmptyRest: head === '.*' };
  }
  if (head === '.*' && tail === '.*') return { kind: 'contains', infix: middle };
  return { kind: 'general' };
}

/** `(a|b)` and `(?:a|b)` without further groups say the same as `a|b`, since the whole is anchored. */
function unwrapGroup(pattern: string): string {
  const match = /^\((?:\?:)?([^()\\[\]]*)\)$/.exec(pattern);
  return match === null || match[1]!.startsWith('?') ? pattern : match[1]!;
}

function splitLiterals(pattern: string): string[] | null {
  const values: string[] = [];
  let start = 0;
  for (let i = 0; i <= pattern.length; i++) {
    if (pattern[i] === '\\') {
      i++;
    } else if (i === pattern.length || pattern[i] === '|') {
      const literal = readLiteral(pattern.slice(start, i));
      if (literal === null || values.length >= MAX_ALTERNATIVES) return null;
      values.push(literal);
      start = i + 1;
    }
  }
  return start > pattern.length ? values : null;
}

/** The text a pattern without operators stands for, or null if it has any. Escaped punctuation counts as itself. */
function readLiteral(pattern: string): string | null {
  if (!pattern.isWellFormed()) return null;
  if (!META.test(pattern)) return pattern;
  let text = '';
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern[i]!;
    if (character === '\\') {
      const next = pattern[i + 1];
      if (next === undefined || /[a-zA-Z0-9\s]/.test(next) || next.charCodeAt(0) > 126) return null;
      text += next;
      i++;
    } else if (META.test(character)) {
      return null;
    } else {
      text += character;
    }
  }
  return text;
}

const COMPILED_MAX = 2_000;
const compiled = new Map<string, LinearRegExp>();

/**
 * Compiles through a cache of the most recent patterns, so that the same matcher in a hundred rules compiles once.
 * @throws RegExpSyntaxError
 */
export function compileLinearRegExp(pattern: string): LinearRegExp {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  const fresh = new LinearRegExp(pattern);
  if (compiled.size >= COMPILED_MAX) compiled.delete(compiled.keys().next().value!);
  compiled.set(pattern, fresh);
  return fresh;
}
