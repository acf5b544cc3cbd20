import { createExpositionParser, type ExpositionFormat } from '../src/index.ts';

const SERIES = 100_000;
const ROUNDS = 20;

function bodyOf(format: ExpositionFormat): Buffer {
  const lines: string[] = [];
  for (let i = 0; i < SERIES; i++) {
    if (i % 100 === 0)
      lines.push(`# HELP metric_${i} Something counted.`, `# TYPE metric_${i} gauge`);
    lines.push(
      `metric_${i - (i % 100)}{namespace="default",pod="web-${i % 500}",container="app",code="200"} ${i * 1.25}`,
    );
  }
  return Buffer.from(`${lines.join('\n')}\n${format === 'openmetrics' ? '# EOF\n' : ''}`);
}

for (const format of ['text', 'openmetrics'] as const) {
  const body = bodyOf(format);
  for (const withLabels of [false, true]) {
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < ROUNDS; round++) {
      const parser = createExpositionParser(format, body);
      const startMs = performance.now();
      for (let kind = parser.next(); kind !== null; kind = parser.next()) {
        if (withLabels && kind === 'series') parser.labels();
      }
      best = Math.min(best, performance.now() - startMs);
    }
    const nsPerSample = (best * 1e6) / SERIES;
    const what = withLabels ? 'with labels' : 'raw spans';
    console.log(
      `${format}, ${what}: ${nsPerSample.toFixed(0)} ns/sample, ${(body.length / best / 1000).toFixed(0)} MB/s`,
    );
  }
}
