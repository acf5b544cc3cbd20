// Packs the compiled collector and what it imports into one file: `node --experimental-import-meta-resolve pack.mjs DIST`.
// A program of two thousand modules keeps the text of each, comments included, and a record of each in memory for as long
// as it runs; see docs/adr/0034. The compiler does the work on each module; this finds the modules and puts them together.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { dirname, extname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { transform } from '@swc/core';
import { main, PlainError, root } from './lib/workspace.mjs';

const ENTRY = 'apps/collector/src/run.js';
const PACKED = 'apps/collector/src/packed.cjs';
/** One looks for compiled code of this platform beside itself; of the other there must be one for all, the SDK too. */
const LEFT_OUT = new Set(['snappy', '@opentelemetry/api']);
const REQUIRED = /\brequire\((["'])([^"'\\]+)\1\)/g;
/** Whether the files of a folder are ECMAScript modules. */
const kinds = new Map();
const LATER = /\bimport\((["'])([^"'\\]+)\1\)/g;
const NEAR = /\bimport\((["'])\.{1,2}\//;

await main(async () => {
  const dist = resolve(process.argv[2] ?? join(root, 'dist'));
  const modules = await modulesFrom(join(dist, ENTRY), dist);
  writeFileSync(join(dist, PACKED), packed(modules, dist));
});

/** Everything that can be reached from a module, in the order in which it was met, which is also its number. */
async function modulesFrom(entry, dist) {
  const numbers = new Map([[entry, 0]]);
  const modules = [];
  const waiting = [entry];
  const numberOf = (file) => {
    let number = numbers.get(file);
    if (number === undefined) {
      number = numbers.size;
      numbers.set(file, number);
      waiting.push(file);
    }
    return number;
  };
  while (waiting.length > 0) {
    const round = waiting.splice(0);
    const compiled = await Promise.all(round.map(compile));
    for (const [i, { isEsm, code }] of compiled.entries()) {
      const file = round[i];
      // A package that has a form for `require` beside the other would be there twice, with state of its own each time.
      const isOwn = !relative(dist, file).startsWith('..');
      const joined = isOwn
        ? code.replace(
            LATER,
            (_call, _quote, name) =>
              `Promise.resolve().then(()=>__imported(${JSON.stringify(name)}))`,
          )
        : code;
      const text = joined.replace(REQUIRED, (call, _quote, name) => {
        const target = targetOf(name, file, isEsm, dist);
        if (target === null) return call;
        // Node hands the exports of CommonJS to `import` as the default beside the names; so does __imported.
        const how = isEsm && !(target.file !== undefined && isModule(target.file));
        const what = target.file === undefined ? JSON.stringify(name) : numberOf(target.file);
        return `${how ? '__imported' : '__required'}(${what})`;
      });
      modules.push({ file, isEsm, text });
    }
  }
  return modules;
}

async function compile(file) {
  const source = readFileSync(file, 'utf8');
  if (extname(file) === '.json') return { isEsm: false, code: `module.exports=${source.trim()};` };
  const isEsm = isModule(file);
  const { code } = await transform(source, {
    filename: file,
    swcrc: false,
    configFile: false,
    sourceMaps: false,
    isModule: isEsm ? true : 'commonjs',
    minify: true,
    jsc: {
      target: 'es2024',
      parser: { syntax: 'ecmascript' },
      // One letter beyond Latin-1 doubles the memory that the whole text takes.
      minify: {
        compress: false,
        mangle: { keepClassNames: true, keepFnNames: true },
        format: { asciiOnly: true, comments: false },
      },
    },
    ...(isEsm ? { module: { type: 'commonjs', ignoreDynamic: true } } : {}),
  });
  if (NEAR.test(code)) {
    throw new PlainError(`${file} imports a neighbour while it runs, which cannot be packed.`);
  }
  return { isEsm, code };
}

/** @returns null where it is to be looked for at run time, without a file for what stays outside */
function targetOf(name, importer, isEsm, dist) {
  if (isBuiltin(name) || LEFT_OUT.has(name)) return {};
  const own = /^#libs\/(.+)$/.exec(name)?.[1];
  if (own !== undefined) return { file: join(dist, 'libs', own, 'src', 'index.js') };
  try {
    const file = isEsm
      ? fileURLToPath(import.meta.resolve(name, pathToFileURL(importer).href))
      : createRequire(importer).resolve(name);
    return existsSync(file) && extname(file) !== '.node' ? { file } : null;
  } catch {
    // Optional: whoever asks for it does without.
    return null;
  }
}

/** Whether Node reads a file as an ECMAScript module. */
function isModule(file) {
  const extension = extname(file);
  if (extension !== '.js') return extension === '.mjs';
  let folder = dirname(file);
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  if (!kinds.has(folder)) {
    const { type } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    kinds.set(folder, type === 'module');
  }
  return kinds.get(folder);
}

function packed(modules, dist) {
  const parts = modules.map(({ file, isEsm, text }) => {
    const inside = relative(dist, file);
    const place = inside.startsWith('..') ? relative(dirname(dist), file) : join('dist', inside);
    const names = '__required,__imported,module,exports,__filename,__dirname,require';
    return `[${isEsm},${JSON.stringify(place)},function(${names}){${text}\n}]`;
  });
  const loader = readFileSync(join(root, 'scripts', 'lib', 'packed-loader.cjs'), 'utf8');
  return `${loader}module.exports = module.exports([\n${parts.join(',\n')}\n]);\n`;
}
