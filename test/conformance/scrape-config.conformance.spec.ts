import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { resolveScrapeConfigs, scrapeConfigsSchema, scrapeGlobalSchema } from '#libs/discovery';
import { ConfigTextError, parseYamlConfig } from '#libs/yaml-config';
import { z } from 'zod';
import { describeConformance } from '../support/conformance.ts';
import { SCRAPE_CONFIG_KNOWN_FAILURES } from './scrape-config.known-failures.ts';

const schema = z.looseObject({
  global: scrapeGlobalSchema.nullish(),
  scrape_configs: scrapeConfigsSchema.nullish(),
});

/** Whether what `global` and `scrape_configs` of a file say is taken; its other sections are not read. */
function isTaken(text: string): boolean {
  try {
    const { scrape_configs: jobs, global } = parseYamlConfig(text, schema, { file: 'c.yml' });
    return resolveScrapeConfigs(jobs ?? [], global ?? {}).problems.length === 0;
  } catch (error) {
    if (error instanceof ConfigTextError) return false;
    throw error;
  }
}

describeConformance("Prometheus's own scrape configurations", ['prometheus-config'], (path) => {
  const files = readdirSync(path)
    .filter((file) => file.endsWith('.yml'))
    .map((file) => [file, readFileSync(join(path, file), 'utf8')] as const)
    .filter(([, text]) => /^(scrape_configs|global):/m.test(text));
  it.each(files)('%s', (file, text) => {
    const expected = !/[.](bad|incompatible)[.]/.test(file);
    const isKnownToFail = SCRAPE_CONFIG_KNOWN_FAILURES.has(file);
    expect(isTaken(text)).toBe(isKnownToFail ? !expected : expected);
  });
  it('lists only files that exist as known failures', () => {
    const names = new Set(files.map(([file]) => file));
    expect([...SCRAPE_CONFIG_KNOWN_FAILURES].filter((file) => !names.has(file))).toEqual([]);
  });
});
