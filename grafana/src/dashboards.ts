import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { overviewDashboard } from './overview.dashboard.ts';

/** Every dashboard with the name of its JSON file. */
export function allDashboards(): readonly (readonly [file: string, dashboard: Dashboard])[] {
  return [['overview.json', overviewDashboard()]];
}

/** The text of a dashboard's JSON file. */
export function dashboardJson(dashboard: Dashboard): string {
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}
