/**
 * What a regular expression that is looked for in lines comes down to. Searching for literals costs a tenth of what the
 * expression itself does.
 */
export type SearchShape =
  | { readonly kind: 'everything' }
  /** Any of these. */
  | { readonly kind: 'literals'; readonly literals: readonly string[] }
  /** This, which is ASCII and lower case, in either case. */
  | { readonly kind: 'folded'; readonly literal: string }
  /** Whatever matches has this in it; empty where that is not known. */
  | { readonly kind: 'general'; readonly required: string };

const META = /[\\^$.|?*+()[\]{}]/;
const MAX_LITERALS = 16;

export function searchShapeOf(pattern: string): SearchShape {
  if (pattern === '' || pattern === '.*') return { kind: 'everything' };
  const folded = /^\(\?i\)([ -~]+)$/.exec(pattern)?.[1];
  if (folded !== undefined) {
    const literal = literalOf(folded);
    if (literal !== null) return { kind: 'folded', literal: literal.toLowerCase() };
    return { kind: 'general', required: '' };
  }
  if (!pattern.isWellFormed() || pattern.includes('(?')) return { kind: 'general', required: '' };
  const inner = /^\(([^()\\[\]]*)\)$/.exec(pattern)?.[1] ?? pattern;
  const alternatives = inner.split('|').map(literalOf);
  if (alternatives.length <= MAX_LITERALS && !alternatives.includes(null)) {
    const literals = alternatives.filter((each) => each !== null);
    return literals.includes('') ? { kind: 'everything' } : { kind: 'literals', literals };
  }
  return { kind: 'general', required: longestRequired(pattern) };
}

/** The text of a pattern without operators, or null. */
function literalOf(pattern: string): string | null {
  let text = '';
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern[i]!;
    if (character === '\\') {
      const next = pattern[i + 1];
      // Escaped letters and digits are classes and the like.
      if (next === undefined || !/[!-/:-@[-`{-~]/.test(next)) return null;
      text += next;
      i++;
    } else if (META.test(character)) return null;
    else text += character;
  }
  return text;
}

/** The longest run of characters that every match has, as far as it shows outside of groups. */
function longestRequired(pattern: string): string {
  let longest = '';
  let run = '';
  const endRun = (): void => {
    if (run.length > longest.length) longest = run;
    run = '';
  };
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern[i]!;
    if (character === '|') return '';
    if (character === '(' || character === '[') {
      endRun();
      const behind = character === '(' ? behindGroup(pattern, i) : behindClass(pattern, i);
      if (behind < 0) return '';
      i = behind - 1;
      continue;
    }
    if (character === '?' || character === '*' || character === '{') {
      // What stands before may be missing.
      run = Array.from(run).slice(0, -1).join('');
      endRun();
      if (character === '{') {
        const close = pattern.indexOf('}', i);
        if (close < 0) return '';
        i = close;
      }
      continue;
    }
    if (character === '\\') {
      const next = pattern[i + 1];
      if (next === undefined || next === 'Q') return '';
      i++;
      if (/[!-/:-@[-`{-~]/.test(next)) {
        run += next;
        continue;
      }
      endRun();
      // \pL, \x{10FFFF} and the like have more behind the letter.
      if (/[pPx0-7C]/.test(next)) return '';
      continue;
    }
    if (META.test(character)) endRun();
    else run += character;
  }
  endRun();
  return longest;
}

function behindGroup(pattern: string, at: number): number {
  let depth = 0;
  for (let i = at; i < pattern.length; i++) {
    const character = pattern[i];
    if (character === '\\') i++;
    else if (character === '[') {
      const behind = behindClass(pattern, i);
      if (behind < 0) return -1;
      i = behind - 1;
    } else if (character === '(') depth++;
    else if (character === ')' && --depth === 0) return i + 1;
  }
  return -1;
}

function behindClass(pattern: string, at: number): number {
  let i = at + 1;
  if (pattern[i] === '^') i++;
  // A bracket that comes first stands for itself.
  if (pattern[i] === ']') i++;
  for (; i < pattern.length; i++) {
    if (pattern[i] === '\\') i++;
    else if (pattern[i] === '[' && pattern[i + 1] === ':') {
      const close = pattern.indexOf(':]', i);
      if (close < 0) return -1;
      i = close + 1;
    } else if (pattern[i] === ']') return i + 1;
  }
  return -1;
}
