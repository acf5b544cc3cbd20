import { Controller, Get, Query } from '@nestjs/common';
import { z } from 'zod';
import { AnnotatedProbes } from './annotated-probes.ts';
import { describeLoop, describePod } from './describe-probes.ts';
import { PodEvents } from './pod-events.ts';
import { PodProbes } from './pod-probes.ts';
import { ProbesRunner } from './probes.runner.ts';

const probesQuery = z.object({
  namespace: z.string().max(253).default(''),
  pod: z.string().max(253).default(''),
});

/** Pods of one name, there and gone, of which everything is told. */
const MAX_STORIES = 20;

/** What is probed and how the last probe went, and what happened to the node's pods. */
@Controller('api/v1')
export class ProbesController {
  readonly #runner: ProbesRunner;
  readonly #annotated: AnnotatedProbes;
  readonly #pods: PodProbes;
  readonly #events: PodEvents;

  constructor(
    runner: ProbesRunner,
    annotated: AnnotatedProbes,
    pods: PodProbes,
    events: PodEvents,
  ) {
    this.#events = events;
    this.#runner = runner;
    this.#annotated = annotated;
    this.#pods = pods;
  }

  @Get('probes')
  async probes(
    @Query({ schema: probesQuery }) query: z.output<typeof probesQuery>,
  ): Promise<object> {
    const { namespace, pod } = query;
    const isOfNamespace = (one: string): boolean => namespace === '' || one === namespace;
    const loops = this.#runner.loops.filter(
      ({ job }) => pod === '' && isOfNamespace(job.labels.get('namespace')),
    );
    const problems = this.#annotated.problems.filter(
      (problem) => pod === '' && isOfNamespace(problem.namespace),
    );
    // All stories of all pods would be megabytes.
    const isStory = pod !== '';
    const stories = this.#pods.stories(namespace, pod).slice(-(isStory ? MAX_STORIES : Infinity));
    const pods = stories.map(async (story) =>
      describePod(story, this.#pods, isStory ? await this.#events.of(story) : null),
    );
    return {
      status: 'success',
      data: {
        probes: loops.map(describeLoop),
        problems,
        pods: await Promise.all(pods),
      },
    };
  }
}
