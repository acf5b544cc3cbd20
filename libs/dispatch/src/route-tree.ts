import { type Labels, matchesAll, quoteLabelValue } from '#libs/labels';
import type { Route } from './config/alertmanager-config.ts';

/** The routes an alert takes: the deepest that match, in the order of the file. Never empty for a root. */
export function matchingRoutes(route: Route, labels: Labels): readonly Route[] {
  if (!matchesAll(labels, route.matchers)) return [];
  const found: Route[] = [];
  for (const child of route.routes) {
    const matches = matchingRoutes(child, labels);
    found.push(...matches);
    if (matches.length > 0 && !child.continues) break;
  }
  return found.length > 0 ? found : [route];
}

/** The labels by which a route groups an alert. */
export function groupLabelsOf(route: Route, labels: Labels): Labels {
  const { groupBy } = route;
  return groupBy === null ? labels : labels.filter((name) => groupBy.includes(name));
}

/** Alertmanager's key of a group: `{}/{severity="x"}:{alertname="y"}`. */
export function groupKeyOf(route: Route, groupLabels: Labels): string {
  return `${route.key}:${formatLabelSet(groupLabels)}`;
}

/** A label set as it is in Alertmanager's group keys, where no name is quoted: `{a="1", b="2"}`. */
export function formatLabelSet(labels: Labels): string {
  const parts: string[] = [];
  for (const [name, value] of labels) parts.push(`${name}=${quoteLabelValue(value)}`);
  return `{${parts.join(', ')}}`;
}
