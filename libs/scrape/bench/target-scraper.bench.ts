// Cost of a scrape whose body looks like the last one, per sample: `node --conditions=repo-source libs/scrape/bench/target-scraper.bench.ts`
import { SCRAPE_DEFAULTS } from '#libs/discovery';
import { createExpositionParser } from '#libs/exposition';
import { Labels } from '#libs/labels';
import { TargetScraper } from '#libs/scrape';

const SERIES = 10_000;
const ROUNDS = 100;

const bodies = [0, 1].map((round) => {
  const lines: string[] = [
    '# HELP http_requests_total Requests.\n# TYPE http_requests_total counter\n',
  ];
  for (let i = 0; i < SERIES; i++) {
    lines.push(
      `http_requests_total{method="GET",path="/api/v1/items/${i}",code="200"} ${i * 17 + round}.5\n`,
    );
  }
  return Buffer.from(lines.join(''));
});

function nsPerSample(name: string, body: (round: number) => void): void {
  for (let i = 0; i < 10; i++) body(i);
  const startNs = process.hrtime.bigint();
  for (let i = 0; i < ROUNDS; i++) body(i);
  const ns = Number(process.hrtime.bigint() - startNs) / ROUNDS / SERIES;
  console.log(`${name.padEnd(40)} ${ns.toFixed(0).padStart(6)} ns/sample`);
}

const scrapeOnce = (target: TargetScraper, round: number) =>
  target.accept(
    {
      kind: 'response',
      status: 200,
      statusText: 'OK',
      contentType: 'text/plain; version=0.0.4',
      body: bodies[round % 2]!,
      durationSeconds: 0.01,
    },
    1_000 * (round + 1),
  );

const createScraper = () =>
  new TargetScraper({
    targetLabels: Labels.fromRecord({ job: 'bench', instance: '127.0.0.1:9100' }),
    timeoutMs: 10_000,
    rules: {
      honorsLabels: false,
      honorsTimestamps: true,
      tracksTimestampsStaleness: false,
      hasExtraMetrics: false,
      metricRelabelRules: [],
      limits: SCRAPE_DEFAULTS.limits,
      fallbackProtocol: null,
      histograms: { readsNative: false, keepsClassic: false, convertsClassic: false, maxSchema: 8 },
    },
  });

nsPerSample('the parser alone', (round) => {
  const parser = createExpositionParser('text', bodies[round % 2]!);
  for (let entry = parser.next(); entry !== null; entry = parser.next());
});
const known = createScraper();
let time = 0;
nsPerSample('a body seen before', () => scrapeOnce(known, time++));
nsPerSample('a body of a new target', (round) => scrapeOnce(createScraper(), round));
