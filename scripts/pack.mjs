// Packs the compiled collector and what it imports into one file: `node pack.mjs DIST`. A program of two thousand modules
// keeps the text of each, comments included, and a record of each in memory for as long as it runs; see docs/adr/0034.
import { join, relative, resolve } from 'node:path';
import MinimizerPlugin from 'minimizer-webpack-plugin';
import webpack from 'webpack';
import { main, PlainError, root } from './lib/workspace.mjs';

const FOLDER = 'apps/collector/src';
/** One looks for compiled code of this platform beside itself; of the other there must be one for all, the SDK too. */
const LEFT_OUT = new Set(['snappy', '@opentelemetry/api']);

await main(async () => {
  const dist = resolve(process.argv[2] ?? join(root, 'dist'));
  const compiler = webpack(configurationFor(dist));
  const stats = await new Promise((done, fail) => {
    compiler.run((error, result) => (error === null ? done(result) : fail(error)));
  });
  await new Promise((done) => {
    compiler.close(done);
  });
  if (stats.hasErrors()) {
    throw new PlainError(stats.toString({ preset: 'errors-only', colors: false }));
  }
});

/** @returns {import('webpack').Configuration} */
function configurationFor(dist) {
  const folder = join(dist, FOLDER);
  return {
    mode: 'production',
    devtool: false,
    target: 'node24',
    context: dist,
    entry: join(folder, 'run.js'),
    output: {
      path: folder,
      filename: 'packed.cjs',
      chunkFilename: 'packed-[id].cjs',
      library: { type: 'commonjs2' },
      iife: false,
      environment: { arrowFunction: false },
    },
    resolve: {
      alias: { '#libs/*': join(dist, 'libs/*/src/index.js') },
      // The build may not be in its place yet.
      modules: ['node_modules', join(root, 'node_modules')],
    },
    externals: [
      async ({ request, context, getResolve }) => {
        if (LEFT_OUT.has(request)) return `commonjs ${request}`;
        // Optional: whoever asks for it does without.
        if (request.startsWith('.') || request.startsWith('/')) return undefined;
        const resolved = await getResolve()(context, request).catch(() => null);
        return resolved === null ? `commonjs ${request}` : undefined;
      },
    ],
    node: { __dirname: false, __filename: false },
    module: {
      parser: {
        javascript: {
          dynamicImportMode: 'lazy',
          url: false,
          worker: false,
          commonjsMagicComments: false,
        },
      },
    },
    plugins: [
      // A module still knows where it lies: what it starts from there, such as a worker, is not packed.
      new webpack.DefinePlugin({
        'import.meta.url': webpack.DefinePlugin.runtimeValue(({ module }) => {
          const place = JSON.stringify(relative(folder, module.resource));
          return `require("node:url").pathToFileURL(require("node:path").join(__dirname,${place})).href`;
        }),
      }),
    ],
    optimization: {
      concatenateModules: false,
      moduleIds: 'natural',
      minimizer: [
        new MinimizerPlugin({
          minify: MinimizerPlugin.swcMinify,
          extractComments: false,
          minimizerOptions: {
            compress: false,
            mangle: { keepClassNames: true, keepFnNames: true },
            // One letter beyond Latin-1 doubles the memory that the whole text takes.
            format: { asciiOnly: true, comments: false },
          },
        }),
      ],
    },
    performance: { hints: false },
  };
}
