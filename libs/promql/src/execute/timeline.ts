/** The times at which an expression is evaluated: `startMs`, `startMs + stepMs`, …, `count` of them. */
export interface Timeline {
  readonly startMs: number;
  readonly stepMs: number;
  readonly count: number;
}

/** The time of step `index`. */
export function timeAt(timeline: Timeline, index: number): number {
  return timeline.startMs + index * timeline.stepMs;
}

/** A single time. */
export function singleTime(timeMs: number): Timeline {
  return { startMs: timeMs, stepMs: 1, count: 1 };
}
