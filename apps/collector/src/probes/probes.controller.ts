import { Controller, Get } from '@nestjs/common';
import { formatDurationMs } from '#libs/labels';
import { AnnotatedProbes } from './annotated-probes.ts';
import type { ProbeLoop } from './probe-loop.ts';
import { ProbesRunner } from './probes.runner.ts';

/** What is probed and how the last probe went. */
@Controller('api/v1')
export class ProbesController {
  readonly #runner: ProbesRunner;
  readonly #annotated: AnnotatedProbes;

  constructor(runner: ProbesRunner, annotated: AnnotatedProbes) {
    this.#runner = runner;
    this.#annotated = annotated;
  }

  @Get('probes')
  probes(): object {
    const probes = this.#runner.loops.map(describeLoop);
    return { status: 'success', data: { probes, problems: this.#annotated.problems } };
  }
}

function describeLoop({ job, status }: ProbeLoop): object {
  const { verdict } = status;
  return {
    name: job.name,
    module: job.moduleName,
    target: job.target,
    labels: job.labels,
    interval: formatDurationMs(job.intervalMs),
    timeout: formatDurationMs(job.timeoutMs),
    health: verdict === null ? 'unknown' : verdict.failure === null ? 'up' : 'down',
    failure: verdict?.failure ?? null,
    failuresInARow: status.failuresInARow,
    lastProbe: timeOrNull(status.lastProbeMs),
    lastSuccess: timeOrNull(status.lastSuccessMs),
    lastDuration: status.lastDurationSeconds,
    metrics: (verdict?.metrics ?? []).map(({ labels: name, value }) => ({
      name: name.toString(),
      value: String(value),
    })),
  };
}

function timeOrNull(ms: number): string | null {
  return Number.isNaN(ms) ? null : new Date(ms).toISOString();
}
