import { compileLinearRegExp, type LinearRegExp } from './linear-regexp.ts';
import { isValidLegacyName } from './names.ts';
import { quoteLabelValue } from './quote.ts';
import type { Labels } from './labels.ts';

export type MatcherKind = '=' | '!=' | '=~' | '!~';

/** One condition on one label. A label that is absent counts as the empty string. */
export class Matcher {
  readonly name: string;
  readonly kind: MatcherKind;
  readonly value: string;
  /** The compiled expression of `=~` and `!~`, null for the others. */
  readonly regexp: LinearRegExp | null;

  /** @throws RegExpSyntaxError */
  constructor(name: string, kind: MatcherKind, value: string) {
    this.name = name;
    this.kind = kind;
    this.value = value;
    this.regexp = kind === '=~' || kind === '!~' ? compileLinearRegExp(value) : null;
  }

  /** Whether a label value fulfils the condition. */
  matches(value: string): boolean {
    switch (this.kind) {
      case '=':
        return value === this.value;
      case '!=':
        return value !== this.value;
      case '=~':
        return this.regexp!.test(value);
      case '!~':
        return !this.regexp!.test(value);
    }
  }

  /** Whether series without the label fulfil the condition. */
  get matchesEmpty(): boolean {
    return this.matches('');
  }

  /** A string that two matchers share if and only if they are equal. */
  get key(): string {
    return `${this.name.length}:${this.name}${this.kind}${this.value}`;
  }

  /** As PromQL writes it. */
  toString(): string {
    const name = isValidLegacyName(this.name, 'label') ? this.name : quoteLabelValue(this.name);
    return `${name}${this.kind}${quoteLabelValue(this.value)}`;
  }
}

/** Whether a label set fulfils every condition. */
export function matchesAll(labels: Labels, matchers: readonly Matcher[]): boolean {
  for (const matcher of matchers) if (!matcher.matches(labels.get(matcher.name))) return false;
  return true;
}
