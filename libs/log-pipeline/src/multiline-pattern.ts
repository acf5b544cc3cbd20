import { LinearSearch } from '#libs/labels';
import type { MultilineRule } from './multiline-rules.ts';

/** One step of a user's machine: in `state`, a line that matches `regex` leads to `next`. */
interface MultilineStep {
  readonly state: string;
  readonly regex: string;
  readonly next: string;
}

/** Records of several lines as a user describes them. */
export interface MultilineSpec {
  readonly name: string;
  /** A machine that begins in `start_state`, as Fluent Bit has them. */
  readonly steps: readonly MultilineStep[];
  /**
   * Where given, the steps tell only how a record begins: what goes on with it is every line that matches this, or every
   * line that begins none.
   */
  readonly rest?: { readonly regex: string | null };
}

/** The state in which no record is open. */
export const START_STATE = 'start_state';
/** How much of a line is looked at: what tells one line from another stands at its beginning. */
const MAX_MATCHED_BYTES = 1_024;

interface Step {
  readonly search: LinearSearch;
  readonly next: number;
}

/** A rule of steps. @throws RegExpSyntaxError */
export function multilineRuleOf({ name, steps, rest }: MultilineSpec): MultilineRule {
  const states = [...new Set([START_STATE, ...steps.flatMap(({ state, next }) => [state, next])])];
  const byState = states.map((state): readonly Step[] =>
    steps
      .filter((step) => step.state === state)
      .map((step) => ({ search: new LinearSearch(step.regex), next: states.indexOf(step.next) })),
  );
  const after = (state: number, bytes: Buffer, start: number, end: number): number => {
    const head = bytes.subarray(start, Math.min(end, start + MAX_MATCHED_BYTES));
    for (const { search, next } of byState[state] ?? []) if (search.testBytes(head)) return next;
    return -1;
  };
  const restSearch = typeof rest?.regex === 'string' ? new LinearSearch(rest.regex) : null;
  const goesOn = (bytes: Buffer, start: number, end: number): boolean => {
    if (restSearch === null) return after(0, bytes, start, end) < 0;
    return restSearch.testBytes(bytes.subarray(start, Math.min(end, start + MAX_MATCHED_BYTES)));
  };
  return {
    name,
    isTrace: false,
    begin: (bytes, start, end) => Math.max(0, after(0, bytes, start, end)),
    next: (state, _isTrouble, bytes, start, end) => {
      if (state === 0) return -1;
      if (rest === undefined) return after(state, bytes, start, end);
      return goesOn(bytes, start, end) ? state : -1;
    },
  };
}
