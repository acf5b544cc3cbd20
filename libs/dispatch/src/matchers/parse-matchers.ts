import { compareUtf8, type Matcher } from '#libs/labels';
import { MatcherTextError } from './matcher-text-error.ts';
import { parseClassicMatchers } from './parse-classic-matchers.ts';
import { isReservedInMatchers, parseUtf8Matchers } from './parse-utf8-matchers.ts';

/** Longest text taken as a list of matchers, in UTF-16 units. */
const MAX_TEXT_LENGTH = 64 * 1024;

/**
 * Reads a list of matchers as Alertmanager does in its default mode: the UTF-8 syntax first; the classic one where that
 * fails, and also where both read the text but differently.
 * @throws MatcherTextError with the UTF-8 parser's reason where neither can read it
 */
export function parseMatchers(text: string): Matcher[] {
  if (text.length > MAX_TEXT_LENGTH) {
    throw new MatcherTextError(text, -1, `at most ${MAX_TEXT_LENGTH} characters are accepted`);
  }
  const utf8 = attempt(text, parseUtf8Matchers);
  const classic = attempt(text, parseClassicMatchers);
  if (utf8 instanceof MatcherTextError) {
    if (classic instanceof MatcherTextError) throw utf8;
    return classic;
  }
  if (classic instanceof MatcherTextError) return utf8;
  return formatMatchers(utf8) === formatMatchers(classic) ? utf8 : classic;
}

function attempt(text: string, parse: (text: string) => Matcher[]): Matcher[] | MatcherTextError {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof MatcherTextError) return error;
    throw error;
  }
}

/** A matcher as Alertmanager writes it; it differs from PromQL in which names and characters need quoting. */
export function formatMatcher(matcher: Matcher): string {
  const { name, kind, value } = matcher;
  const written = Array.from(name).some(isReservedInMatchers) ? `"${escapeValue(name)}"` : name;
  return `${written}${kind}"${escapeValue(value)}"`;
}

/** A list of matchers as Alertmanager writes it: `{a="b",c=~"d"}`. */
export function formatMatchers(matchers: readonly Matcher[]): string {
  return `{${matchers.map(formatMatcher).join(',')}}`;
}

function escapeValue(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}

const KIND_ORDER = ['=', '!=', '=~', '!~'];

/** Alertmanager's order of matchers: by name, value, then kind. A new list. */
export function sortMatchers(matchers: readonly Matcher[]): Matcher[] {
  return matchers.toSorted(
    (a, b) =>
      compareUtf8(a.name, b.name) ||
      compareUtf8(a.value, b.value) ||
      KIND_ORDER.indexOf(a.kind) - KIND_ORDER.indexOf(b.kind),
  );
}
