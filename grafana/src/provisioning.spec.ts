import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';

interface DataSource {
  readonly uid: string;
  readonly type: string;
  readonly url: string;
  readonly isDefault?: boolean;
  readonly jsonData?: { readonly alertmanagerUid?: string };
}

async function provisioning<T>(file: string): Promise<T> {
  return parse(await readFile(join(import.meta.dirname, '../provisioning', file), 'utf8')) as T;
}

describe('the provisioning files', () => {
  it('know the engine as Prometheus, as Alertmanager and as Loki', async () => {
    const { datasources } = await provisioning<{ datasources: DataSource[] }>(
      'datasources/binnacle.yaml',
    );
    expect(datasources.map(({ type, url }) => [type, url])).toEqual([
      ['prometheus', '${BINNACLE_URL}'],
      ['alertmanager', '${BINNACLE_URL}'],
      ['loki', '${BINNACLE_URL}'],
    ]);
    expect(new Set(datasources.map(({ uid }) => uid)).size).toBe(3);
    expect(datasources.filter(({ isDefault }) => isDefault === true)).toHaveLength(1);
    expect(datasources[1]?.uid).toBe(datasources[0]?.jsonData?.alertmanagerUid);
  });

  it('make a folder in Grafana of each folder of dashboards', async () => {
    const { providers } = await provisioning<{ providers: object[] }>('dashboards/binnacle.yaml');
    expect(providers).toMatchObject([{ options: { foldersFromFilesStructure: true } }]);
    expect(providers).not.toMatchObject([{ folder: expect.anything() }]);
  });
});
