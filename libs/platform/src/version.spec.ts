import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { VERSION } from './version.ts';

it('is the version of the package', () => {
  const file = join(import.meta.dirname, '..', '..', '..', 'package.json');
  expect(JSON.parse(readFileSync(file, 'utf8'))).toHaveProperty('version', VERSION);
});
