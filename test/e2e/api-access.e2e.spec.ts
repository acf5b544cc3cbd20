import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { AppLogger, listen } from '#libs/platform';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { createApp } from '../../apps/collector/src/app.ts';
import type { Manifest } from '../../deploy/src/manifest.ts';
import { KubeApiServer } from '../kube/api-server.ts';
import { eventually, temporaryFolder } from '../support/processes.ts';

const BASE = join(import.meta.dirname, '..', '..', 'deploy', 'base', 'collector');
const RBAC = join(BASE, 'rbac.yaml');

/** The base's jobs as YAML. */
function jobs(): string {
  const config = parse(readFileSync(join(BASE, 'collector.yml'), 'utf8')) as {
    scrape_configs: unknown;
  };
  return stringify({ scrape_configs: config.scrape_configs });
}

/** Every right of the roles but those that the kubelet asks about: `list apps/deployments`. */
function granted(): readonly string[] {
  const rights = parseAllDocuments(readFileSync(RBAC, 'utf8'))
    .map((document) => document.toJS() as Manifest)
    .flatMap(({ rules = [] }) => rules)
    .flatMap(({ apiGroups = [], resources = [], verbs = [] }) =>
      resources
        .filter((resource) => !resource.startsWith('nodes/'))
        .flatMap((resource) => verbs.map((verb) => `${verb} ${apiGroups[0] ?? ''}/${resource}`)),
    );
  return rights.toSorted();
}

describe('the API server that a collector asks', () => {
  it('is asked for what the roles of the base grant, and for nothing else', async () => {
    const folder = await temporaryFolder();
    const server = new KubeApiServer();
    server.token = 'secret';
    const asked = (): readonly string[] =>
      [
        ...new Set(
          server.accesses.map(({ verb, group, resource }) => `${verb} ${group}/${resource}`),
        ),
      ].toSorted();
    try {
      const apiServer = await server.listen();
      await writeFile(join(folder.path, 'token'), 'secret');
      const configFile = join(folder.path, 'collector.yml');
      await writeFile(
        configFile,
        `${jobs()}host_metrics: {enabled: false}
outputs: {remote_write: []}
kubernetes:
  api_server: ${apiServer}
  token_file: token
  lease: {duration: 8s, retry: 500ms, namespace: binnacle-nodes}
`,
      );
      const app = await createApp(
        {
          configFile,
          dataDir: join(folder.path, 'data'),
          listen: { host: '127.0.0.1', port: 0 },
          logLevel: 'silent',
        },
        { NODE_NAME: 'node-1' },
        AppLogger.create({ app: 'test', level: 'silent' }),
      );
      try {
        await listen(app, { host: '127.0.0.1', port: 0 });
        const missing = await eventually('everything granted to be asked', () => {
          const soFar = new Set(asked());
          const left = granted().filter((right) => !soFar.has(right));
          return left.length === 0 ? left : null;
        });
        expect(missing).toEqual([]);
      } finally {
        await app.close();
      }
      expect(asked()).toEqual(granted());
    } finally {
      await server.close();
      await folder.remove();
    }
  });
});
