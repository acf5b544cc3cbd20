import type { RE2JS } from 're2js';
import { compileRe2, expandTemplate } from './linear-regexp.ts';

/**
 * A regular expression in RE2's syntax searched for anywhere in a text, as Go's `regexp` package does it: not anchored,
 * and `.` stops at a newline unless the pattern says `(?s)`. Time is linear in the text, whatever the pattern.
 */
export class LinearSearch {
  readonly pattern: string;
  readonly #compiled: RE2JS;

  /** @throws RegExpSyntaxError */
  constructor(pattern: string) {
    this.pattern = pattern;
    this.#compiled = compileRe2(pattern, 0);
  }

  /** Names of the capturing groups that have one, and where {@link capture} puts their bounds, in pairs. */
  groupNames(): ReadonlyMap<string, number> {
    return new Map(Object.entries(this.#compiled.namedGroups()));
  }

  /** How many bounds {@link capture} gives: a pair for the whole and for each group. */
  get boundCount(): number {
    return (this.#compiled.groupCount() + 1) * 2;
  }

  /**
   * Searches UTF-8 bytes for the first match and puts where it and its groups begin and end into `bounds`, the groups in
   * their order after the whole; -1 for a group that took no part.
   * @returns whether there is a match
   */
  capture(bytes: Uint8Array, bounds: Int32Array): boolean {
    const matcher = this.#compiled.matcher(bytes);
    if (!matcher.find()) return false;
    const groups = this.#compiled.groupCount();
    for (let group = 0; group <= groups; group++) {
      bounds[group * 2] = matcher.start(group);
      bounds[group * 2 + 1] = matcher.end(group);
    }
    return true;
  }

  /** Calls `visit` with where each match in UTF-8 `bytes` begins and ends; empty ones are passed over. */
  forEachMatch(bytes: Uint8Array, visit: (start: number, end: number) => void): void {
    const matcher = this.#compiled.matcher(bytes);
    while (matcher.find()) {
      if (matcher.end() > matcher.start()) visit(matcher.start(), matcher.end());
    }
  }

  /** Whether any part of UTF-8 `bytes` matches. */
  testBytes(bytes: Uint8Array): boolean {
    return this.#compiled.matcher(bytes).find();
  }

  /** Whether any part of `text` matches. */
  test(text: string): boolean {
    return this.#compiled.matcher(text).find();
  }

  /**
   * `text` with every match replaced by `template`, in which `$1`, `${1}`, `$name`, `${name}` stand for groups and `$$`
   * for a dollar sign (Go's `Regexp.ReplaceAllString`). An empty match right after another match does not count.
   * @param maxLength the longest result, in UTF-16 units; beyond it the answer is null
   */
  replaceAll(text: string, template: string, maxLength: number): string | null {
    const matcher = this.#compiled.matcher(text);
    const named = this.#compiled.namedGroups();
    const groupOf = (reference: string): string => {
      if (/^[0-9]+$/.test(reference)) {
        const index = Number(reference);
        return index <= matcher.groupCount() ? (matcher.group(index) ?? '') : '';
      }
      return Object.hasOwn(named, reference) ? (matcher.group(reference) ?? '') : '';
    };
    let result = '';
    let copiedTo = 0;
    let lastEnd = -1;
    while (matcher.find()) {
      const start = matcher.start();
      const end = matcher.end();
      if (start === end && start === lastEnd) continue;
      result += text.slice(copiedTo, start) + expandTemplate(template, groupOf);
      if (result.length > maxLength) return null;
      copiedTo = end;
      lastEnd = end;
    }
    result += text.slice(copiedTo);
    return result.length > maxLength ? null : result;
  }
}
