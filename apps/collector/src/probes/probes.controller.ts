import { Controller, Get, Query } from '@nestjs/common';
import { z } from 'zod';
import { AnnotatedProbes } from './annotated-probes.ts';
import { describeLoop, describePod } from './describe-probes.ts';
import { PodProbes } from './pod-probes.ts';
import { ProbesRunner } from './probes.runner.ts';

const probesQuery = z.object({
  namespace: z.string().max(253).default(''),
  pod: z.string().max(253).default(''),
});

/** What is probed and how the last probe went, and what happened to the node's pods. */
@Controller('api/v1')
export class ProbesController {
  readonly #runner: ProbesRunner;
  readonly #annotated: AnnotatedProbes;
  readonly #pods: PodProbes;

  constructor(runner: ProbesRunner, annotated: AnnotatedProbes, pods: PodProbes) {
    this.#runner = runner;
    this.#annotated = annotated;
    this.#pods = pods;
  }

  @Get('probes')
  probes(@Query({ schema: probesQuery }) query: z.output<typeof probesQuery>): object {
    const { namespace, pod } = query;
    const isOfNamespace = (one: string): boolean => namespace === '' || one === namespace;
    const loops = this.#runner.loops.filter(
      ({ job }) => pod === '' && isOfNamespace(job.labels.get('namespace')),
    );
    const problems = this.#annotated.problems.filter(
      (problem) => pod === '' && isOfNamespace(problem.namespace),
    );
    const stories = this.#pods.stories(namespace, pod);
    return {
      status: 'success',
      data: {
        probes: loops.map(describeLoop),
        problems,
        // All of all would be megabytes.
        pods: stories.map((story) => describePod(story, this.#pods, { hasStory: pod !== '' })),
      },
    };
  }
}
