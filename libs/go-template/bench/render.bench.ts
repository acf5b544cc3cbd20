import { AlertTemplate, prometheusFunctions, toAlertValue } from '../src/index.ts';

const ROUNDS = 100_000;
const template = new AlertTemplate(
  'Down',
  '{{ $labels.instance }} of {{ $labels.job }} is down for {{ $value | humanizeDuration }}',
  prometheusFunctions({ externalUrl: 'http://x' }),
);
const noQuery = (): Promise<never> => Promise.reject(new Error('no query'));

const startedMs = performance.now();
for (let i = 0; i < ROUNDS; i++) {
  const data = toAlertValue({
    labels: ['instance', `host-${i}`, 'job', 'node'],
    externalLabels: [],
    externalUrl: 'http://x',
    value: i,
  });
  await template.render({ data, nowMs: 0 }, noQuery);
}
const micros = ((performance.now() - startedMs) * 1_000) / ROUNDS;
console.log(`one annotation: ${micros.toFixed(1)} µs`);
