import type { Labels } from '#libs/labels';
import type { Alert } from './alert.ts';
import { type AlertGroup, groupIdOf } from './alert-group.ts';
import type { AlertmanagerConfig, Route } from './config/alertmanager-config.ts';
import type { GroupTable } from './group-table.ts';
import type { Inhibitor } from './inhibitor.ts';
import { groupKeyOf, groupLabelsOf, matchingRoutes } from './route-tree.ts';
import type { Silence } from './silences/silence.ts';
import type { SilenceBook } from './silences/silence-book.ts';
import { mutesOf } from './time/mutes-of.ts';

/** What becomes of an alert, and why. */
export interface Explanation {
  /** The silences that hold it back. */
  readonly silences: readonly Silence[];
  /** The alert that inhibits it. */
  readonly inhibitedBy: Alert | null;
  /** The routes it takes, in their order. */
  readonly routes: readonly {
    readonly route: Route;
    readonly groupKey: string;
    readonly groupLabels: Labels;
    /** The group, if there is one already. */
    readonly group: Readonly<AlertGroup> | null;
    /** The time intervals that keep it quiet. */
    readonly mutedBy: readonly string[];
    /** When the group is flushed next; without a group, when one made now would be. */
    readonly nextFlushMs: number;
  }[];
}

/** What becomes of an alert with these labels at `nowMs`, as alerts and groups are now. */
export function explainAlert(
  labels: Labels,
  state: {
    readonly config: AlertmanagerConfig;
    readonly alerts: ReadonlyMap<string, Alert>;
    readonly groups: GroupTable;
    readonly inhibitor: Inhibitor;
    readonly silences: SilenceBook;
  },
  nowMs: number,
): Explanation {
  const inhibitor = state.inhibitor.inhibitorOfLabels(labels, nowMs);
  const routes = matchingRoutes(state.config.route, labels).map((route) => {
    const groupLabels = groupLabelsOf(route, labels);
    const groupKey = groupKeyOf(route, groupLabels);
    const group = state.groups.get(groupIdOf(route.receiver, groupKey));
    const mutedBy = mutesOf(route, state.config.timeIntervals, nowMs);
    const nextFlushMs = group?.nextFlushMs ?? nowMs + route.groupWaitMs;
    return { route, groupKey, groupLabels, group, mutedBy, nextFlushMs };
  });
  return {
    silences: state.silences.holding(labels, nowMs),
    inhibitedBy: inhibitor === null ? null : (state.alerts.get(inhibitor) ?? null),
    routes,
  };
}
