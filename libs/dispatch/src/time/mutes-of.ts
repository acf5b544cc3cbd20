import type { Route } from '../config/alertmanager-config.ts';
import { containsInstant, type TimeInterval } from './time-interval.ts';

/** The names of the time intervals that keep a route quiet: mute times within, or active times all without. */
export function mutesOf(
  route: Route,
  timeIntervals: ReadonlyMap<string, readonly TimeInterval[]>,
  nowMs: number,
): readonly string[] {
  const { muteTimeIntervals, activeTimeIntervals } = route;
  const isWithin = (name: string) =>
    timeIntervals.get(name)?.some((interval) => containsInstant(interval, nowMs)) ?? false;
  const mutes = muteTimeIntervals.filter(isWithin);
  if (mutes.length > 0) return mutes;
  return activeTimeIntervals.some(isWithin) ? [] : activeTimeIntervals;
}
