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
