const NODE_IO =
  '^(node:)?(fs|fs/promises|net|tls|http|https|http2|dgram|dns|dns/promises|child_process|worker_threads|sqlite|os)$';

/** The libs, lowest first. An engine may import engines of a lower rank only; `docs/adr/0002` has the table. */
const RANKS = [
  ['invariant', 'pace'],
  ['calendar', 'labels'],
  ['yaml-config'],
  ['aws-signature', 'histogram', 'protobuf'],
  ['samples'],
  ['exposition'],
  ['remote-write', 'otlp'],
  ['remote-read'],
  ['record-log', 'block-files'],
  ['tsdb'],
  ['promql'],
  ['go-template'],
  ['rules'],
  ['rule-tools'],
  ['dispatch'],
  ['notify'],
  ['discovery'],
  ['scrape'],
  ['probes'],
  ['host-metrics'],
  ['kube'],
  ['operator-objects'],
  ['log-tail'],
  ['log-pipeline'],
  ['forward', 'syslog'],
  ['spool'],
  ['log-store'],
  ['logql'],
];

const importsPointUp = RANKS.map((names, rank) => ({
  name: `imports-point-up-from-${names.join('-and-')}`,
  severity: 'error',
  from: { path: `^libs/(${names.join('|')})/` },
  to: {
    path: '^libs/',
    pathNot: `^libs/(${[...RANKS.slice(0, rank).flat(), '$1'].join('|')})/`,
  },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'libs-never-import-apps',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^apps/' },
    },
    {
      name: 'apps-never-import-each-other',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'libs-know-no-framework',
      comment: 'Nest lives in apps/ and libs/platform; an engine is handed what it needs.',
      severity: 'error',
      from: { path: '^libs/(?!platform/)' },
      to: {
        path: 'node_modules/(@nestjs|rxjs|reflect-metadata|fastify|pino|prom-client|@opentelemetry)/',
      },
    },
    {
      name: 'engines-do-no-io',
      comment: 'Only libs/node-* and libs/platform may touch the machine.',
      severity: 'error',
      from: { path: '^libs/(?!node-|platform)[^/]+/src/', pathNot: '[.]spec[.]ts$' },
      to: { dependencyTypes: ['core'], path: NODE_IO },
    },
    {
      name: 'engines-use-no-network-clients',
      severity: 'error',
      from: { path: '^libs/(?!node-|platform)[^/]+/src/', pathNot: '[.]spec[.]ts$' },
      to: { path: 'node_modules/(undici|fluent-logger|pg|smtp-server)/' },
    },
    {
      name: 'engines-do-not-know-adapters',
      severity: 'error',
      from: { path: '^libs/(?!node-|platform)' },
      to: { path: '^libs/(node-|platform)' },
    },
    {
      name: 'promql-does-not-know-the-store',
      comment: 'It says what it needs (SeriesSource); the store happens to fit; an app joins them.',
      severity: 'error',
      from: { path: '^libs/promql/' },
      to: { path: '^libs/(tsdb|remote-write|exposition)/' },
    },
    {
      name: 'every-lib-has-a-rank',
      severity: 'error',
      from: { path: `^libs/(?!(${RANKS.flat().join('|')}|node-[^/]+|platform)/)[^/]+/` },
      to: {},
    },
    {
      name: 'libs-are-entered-by-the-front-door',
      severity: 'error',
      from: { path: '^(apps|libs|test)/([^/]+)/' },
      to: { path: '^libs/[^/]+/src/(?!index[.]ts$)', pathNot: '^libs/$2/' },
    },
    ...importsPointUp,
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { conditionNames: ['repo-source', 'import', 'node', 'default'] },
  },
};
