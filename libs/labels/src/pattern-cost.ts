const LITERAL = 1;
const CLASS = 6;
const GROUP = 10;
/** How much more it costs to copy something than to read it. */
const COPY = 3;

interface Frame {
  /** Of everything in the group before the last item. */
  before: number;
  /** Of the last item, which a repetition multiplies. */
  last: number;
  /** Whether the last item is made of copies already. */
  isCopied: boolean;
}

/**
 * About how much work compiling a pattern is, in literal characters: groups and classes cost more than these, and counted
 * repetitions as much as the copies they stand for. A pattern that is no regular expression has some cost as well.
 */
export function patternCost(pattern: string): number {
  const outer: Frame[] = [];
  let frame: Frame = { before: 0, last: 0, isCopied: false };
  const add = (cost: number, isCopied = false): void => {
    frame.before += frame.last;
    frame.last = cost;
    frame.isCopied = isCopied;
  };
  for (let i = 0; i < pattern.length; i++) {
    switch (pattern.charAt(i)) {
      case '\\':
        i++;
        add(CLASS);
        break;
      case '.':
        add(CLASS);
        break;
      case '[':
        i = endOfClass(pattern, i);
        add(CLASS);
        break;
      case '(':
        outer.push(frame);
        frame = { before: GROUP, last: 0, isCopied: false };
        break;
      case ')': {
        const inner = frame.before + frame.last;
        const { isCopied } = frame;
        frame = outer.pop() ?? { before: 0, last: 0, isCopied: false };
        add(inner, isCopied);
        break;
      }
      case '{': {
        const repetition = repetitionAt(pattern, i);
        if (repetition === null) {
          add(LITERAL);
          break;
        }
        i = repetition.end - 1;
        if (repetition.count > 1) {
          frame.last *= frame.isCopied ? repetition.count : repetition.count * COPY;
          frame.isCopied = true;
        }
        break;
      }
      default:
        add(LITERAL);
    }
  }
  let cost = frame.before + frame.last;
  for (const { before, last } of outer) cost += before + last;
  return cost;
}

/** A bracket right after the opening one, or after its negation, is a member. */
function endOfClass(pattern: string, start: number): number {
  let i = start + 1;
  if (pattern[i] === '^') i++;
  if (pattern[i] === ']') i++;
  for (; i < pattern.length; i++) {
    if (pattern[i] === '\\') i++;
    else if (pattern[i] === ']') return i;
  }
  return pattern.length;
}

const REPETITION = /\{(\d{1,4})(?:,(\d{0,4}))?\}/y;

/** The largest number of copies of `{n}`, `{n,}` or `{n,m}`, or null where a brace is a brace. */
function repetitionAt(
  pattern: string,
  start: number,
): { readonly count: number; readonly end: number } | null {
  REPETITION.lastIndex = start;
  const match = REPETITION.exec(pattern);
  if (match === null) return null;
  const count = Math.max(Number(match[1]), Number(match[2] ?? 0));
  return { count, end: REPETITION.lastIndex };
}
