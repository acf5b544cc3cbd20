import { type Labels, type Matcher, matchesAll } from '#libs/labels';

/** A span of time in which alerts that match are not announced. */
export interface Silence {
  readonly id: string;
  readonly matchers: readonly Matcher[];
  readonly startsAtMs: number;
  readonly endsAtMs: number;
}

/** The silences in force at `nowMs` that match, in the order given. */
export function silencesMatching(
  labels: Labels,
  silences: readonly Silence[],
  nowMs: number,
): readonly Silence[] {
  return silences.filter(
    (silence) =>
      silence.startsAtMs <= nowMs &&
      nowMs < silence.endsAtMs &&
      matchesAll(labels, silence.matchers),
  );
}
