import { writeFile } from 'node:fs/promises';
import { allDashboards, dashboardJson } from './dashboards.ts';

for (const [file, dashboard] of allDashboards()) {
  await writeFile(new URL(`../dashboards/${file}`, import.meta.url), dashboardJson(dashboard));
}
