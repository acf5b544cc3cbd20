import { LinearSearch, RegExpSyntaxError } from '#libs/labels';
import { GoFunctionError } from './errors.ts';
import { type GoFunction, GoMarked, type ParamType, STRING, stringArg } from './go-value.ts';

/** A function of so many strings. */
export function onStrings(
  count: number,
  call: (...texts: string[]) => ReturnType<GoFunction['call']>,
): GoFunction {
  return {
    params: Array.from({ length: count }, () => STRING),
    isVariadic: false,
    call: (args) => call(...args.map((_, i) => stringArg(args, i))),
  };
}

/** A parameter that takes plain and marked text. */
export const TEXT: ParamType = {
  ...STRING,
  accepts: (value) => typeof value === 'string' || value instanceof GoMarked,
};

const SEARCHES_MAX = 500;
const searches = new Map<string, LinearSearch>();

function search(pattern: string): LinearSearch {
  const known = searches.get(pattern);
  if (known !== undefined) return known;
  const fresh = new LinearSearch(pattern);
  if (searches.size >= SEARCHES_MAX) searches.delete(searches.keys().next().value!);
  searches.set(pattern, fresh);
  return fresh;
}

/** `match`: whether a pattern is found anywhere in a text. */
const MATCH: GoFunction = onStrings(2, (pattern, text) => {
  try {
    return search(pattern).test(text);
  } catch (error) {
    if (error instanceof RegExpSyntaxError) throw new GoFunctionError(error.message);
    throw error;
  }
});

/** `reReplaceAll`: every match of a pattern replaced. */
const RE_REPLACE_ALL: GoFunction = {
  params: [STRING, STRING, STRING],
  isVariadic: false,
  call: (args, scope) => {
    const pattern = stringArg(args, 0);
    try {
      const replaced = search(pattern).replaceAll(
        stringArg(args, 2),
        stringArg(args, 1),
        scope.maxTextLength,
      );
      if (replaced === null)
        throw new GoFunctionError(`text over ${scope.maxTextLength} characters`);
      return replaced;
    } catch (error) {
      if (!(error instanceof RegExpSyntaxError)) throw error;
      throw new GoFunctionError(`regexp: Compile(\`${pattern}\`): ${error.message}`);
    }
  },
};

const WORD = /[\p{L}\p{M}\p{N}\p{Pc}]/u;
const INSIDE_WORD = /['’.:·‧]/u;
const CASED = /[\p{Lu}\p{Ll}\p{Lt}]/u;

/**
 * `title`: the first letter of each word in upper case.
 * @param rest what becomes of the other letters: Prometheus keeps them, Alertmanager lowers them
 */
export function titleCase(text: string, rest: 'keep' | 'lower'): string {
  const characters = Array.from(text);
  let titled = '';
  let isDone = false;
  characters.forEach((character, i) => {
    if (WORD.test(character)) {
      if (!isDone && CASED.test(character)) {
        titled += character.toUpperCase();
        isDone = true;
      } else titled += rest === 'lower' ? character.toLowerCase() : character;
      return;
    }
    const isInside =
      INSIDE_WORD.test(character) &&
      /\p{L}/u.test(characters[i - 1] ?? '') &&
      /\p{L}/u.test(characters[i + 1] ?? '');
    if (!isInside) isDone = false;
    titled += character;
  });
  return titled;
}

/** The text functions that Prometheus and Alertmanager have alike. */
export const SHARED_TEXT_FUNCTIONS: readonly (readonly [string, GoFunction])[] = [
  ['match', MATCH],
  ['reReplaceAll', RE_REPLACE_ALL],
  ['toUpper', onStrings(1, (text) => text.toUpperCase())],
  ['toLower', onStrings(1, (text) => text.toLowerCase())],
  [
    'safeHtml',
    {
      params: [TEXT],
      isVariadic: false,
      call: (args) => new GoMarked('HTML', stringArg(args, 0)),
    },
  ],
];
