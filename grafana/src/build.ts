import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { allDashboards, dashboardJson } from './dashboards.ts';

const root = new URL('../', import.meta.url);
const dashboards = allDashboards();

for (const old of await readdir(new URL('dashboards/', root))) {
  await rm(new URL(`dashboards/${old}`, root), { recursive: true });
}
for (const [file, dashboard] of dashboards) {
  const target = new URL(`dashboards/${file}`, root);
  await mkdir(new URL('.', target), { recursive: true });
  await writeFile(target, dashboardJson(dashboard));
}
