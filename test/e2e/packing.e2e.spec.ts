import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runToEnd, temporaryFolder } from '../support/processes.ts';

const packer = join(import.meta.dirname, '..', '..', 'scripts', 'pack.mjs');
const ENTRY = 'dist/apps/collector/src/run.js';
const PACKED = 'dist/apps/collector/src/packed.cjs';

/** Modules in each of the ways in which ours and those we depend on import one another. */
const FILES: Readonly<Record<string, string>> = {
  'package.json': '{"type":"module"}',
  [ENTRY]: `
    import { sep } from 'node:path';
    import old, { named } from 'old';
    import * as whole from 'old';
    import marked, { default as again } from 'marked';
    import { twice } from '#libs/own';
    import * as reexported from './reexports.js';
    import { count, increase } from './live.js';
    import { even } from './even.js';
    import fresh from 'fresh';
    const told = [];
    told.push(['builtin', sep]);
    told.push(['CommonJS', old.named, named, whole.default === old]);
    told.push(['marked as a module', typeof marked, marked.default, again === marked]);
    told.push(['own', twice(21)]);
    told.push(['reexports', reexported, reexported.default === undefined]);
    increase();
    told.push(['live', count]);
    told.push(['cycle', even(10), even(7)]);
    told.push(['module of a package', fresh]);
    told.push(['letters', 'it’s ✓', /[“”]/.test('“'), \`\${'é'}…\`]);
    told.push(['place', import.meta.url.split('/').slice(-4).join('/')]);
    export const run = async () => [...told, ['later', (await import('./later.js')).later]];`,
  'dist/libs/own/src/index.js': 'export const twice = (value) => value * 2;',
  'dist/apps/collector/src/reexports.js': `
    export * from './live.js';
    export { default as data } from 'with-json';
    export default 1;`,
  'dist/apps/collector/src/later.js': 'export const later = "later";',
  'dist/apps/collector/src/live.js':
    'export let count = 0; export function increase() { count++; }',
  'dist/apps/collector/src/even.js': `
    import { odd } from './odd.js';
    export function even(n) { return n === 0 ? true : odd(n - 1); }`,
  'dist/apps/collector/src/odd.js': `
    import { even } from './even.js';
    export function odd(n) { return n === 0 ? false : even(n - 1); }`,
  'node_modules/old/package.json': '{"name":"old","main":"main.js"}',
  'node_modules/old/main.js': `
    // A module of its own time.
    let optional = 'none';
    try { optional = require('not-installed'); } catch {}
    exports.named = 'named';
    exports.optional = optional;
    exports.self = this === module.exports;
    exports.side = require('./beside').side;`,
  'node_modules/old/beside.js': 'exports.side = "beside";',
  'node_modules/marked/package.json': '{"name":"marked"}',
  'node_modules/marked/index.js':
    'Object.defineProperty(exports, "__esModule", { value: true }); exports.default = 7;',
  'node_modules/with-json/package.json': '{"name":"with-json","version":"1.2.3"}',
  'node_modules/with-json/index.js': 'module.exports = require("./package.json").version;',
  'node_modules/fresh/package.json':
    '{"name":"fresh","type":"module","exports":{"import":"./in.js","require":"./out.cjs"}}',
  'node_modules/fresh/in.js': 'export default "for import";',
  'node_modules/fresh/out.cjs': 'module.exports = "for require";',
};

/** What a program writes, as JSON. */
async function told(program: string): Promise<unknown> {
  const { code, output } = await runToEnd(process.execPath, ['--input-type=module', '-e', program]);
  expect({ code, output }).toMatchObject({ code: 0 });
  return JSON.parse(output);
}

describe('packing', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;

  async function write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder.path, name)), { recursive: true });
      await writeFile(join(folder.path, name), text);
    }
  }
  const pack = (): ReturnType<typeof runToEnd> =>
    runToEnd(process.execPath, [packer, join(folder.path, 'dist')]);
  beforeAll(async () => {
    folder = await temporaryFolder();
    const imports = { '#libs/*': './dist/libs/*/src/index.js' };
    await write({ ...FILES, 'package.json': JSON.stringify({ type: 'module', imports }) });
  });
  afterAll(() => folder.remove());

  it('leaves every way of importing as Node has it', async () => {
    expect(await pack()).toMatchObject({ code: 0 });
    const print = 'process.stdout.write(JSON.stringify(await run()))';
    const unpacked = await told(
      `const { run } = await import(${JSON.stringify(join(folder.path, ENTRY))}); ${print}`,
    );
    const packed = await told(
      `import { createRequire } from 'node:module';
       const { run } = createRequire('/')(${JSON.stringify(join(folder.path, PACKED))}); ${print}`,
    );
    expect(packed).toEqual(unpacked);
    expect(packed).toContainEqual(['cycle', true, false]);
  });
});
