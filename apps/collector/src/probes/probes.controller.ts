import { Controller, Get, Query } from '@nestjs/common';
import { z } from 'zod';
import { AnnotatedProbes } from './annotated-probes.ts';
import { askedTarget, describePod, describeTarget, isOfPod } from './describe-probes.ts';
import { OwnProber } from './own-prober.ts';
import { PodEvents } from './pod-events.ts';
import { PodProbes } from './pod-probes.ts';
import { ProbesRunner } from './probes.runner.ts';

const probesQuery = z.object({
  namespace: z.string().max(253).default(''),
  pod: z.string().max(253).default(''),
  service: z.string().max(253).default(''),
  ingress: z.string().max(253).default(''),
});

/** Pods of one name, there and gone, of which everything is told. */
const MAX_STORIES = 20;

/** What is probed and how the last probe went, and what happened to the node's pods. */
@Controller('api/v1')
export class ProbesController {
  readonly #runner: ProbesRunner;
  readonly #prober: OwnProber;
  readonly #annotated: AnnotatedProbes;
  readonly #pods: PodProbes;
  readonly #events: PodEvents;

  constructor(
    runner: ProbesRunner,
    prober: OwnProber,
    annotated: AnnotatedProbes,
    pods: PodProbes,
    events: PodEvents,
  ) {
    this.#events = events;
    this.#runner = runner;
    this.#prober = prober;
    this.#annotated = annotated;
    this.#pods = pods;
  }

  @Get('probes')
  async probes(
    @Query({ schema: probesQuery }) query: z.output<typeof probesQuery>,
  ): Promise<object> {
    const { namespace, pod, service, ingress } = query;
    const isAbout = (kind: 'service' | 'ingress', name: string): boolean =>
      pod === '' &&
      isWanted(service, kind === 'service' ? name : '') &&
      isWanted(ingress, kind === 'ingress' ? name : '');
    const targets = [
      ...this.#runner.loops.map(({ job, status }) => ({ ...job, status })),
      ...this.#prober.asked.map(askedTarget),
    ];
    const problems = this.#annotated.problems.filter(
      (problem) => isWanted(namespace, problem.namespace) && isAbout(problem.kind, problem.name),
    );
    // All stories of all pods would be megabytes.
    const isStory = pod !== '';
    const stories =
      service === '' && ingress === ''
        ? this.#pods.stories(namespace, pod).slice(-(isStory ? MAX_STORIES : Infinity))
        : [];
    const probes = targets.filter((target) =>
      isStory
        ? stories.some((story) => isOfPod(target, story))
        : isWanted(namespace, target.labels.get('namespace')) &&
          isWanted(service, target.labels.get('service')) &&
          isWanted(ingress, target.labels.get('ingress')),
    );
    const pods = stories.map(async (story) =>
      describePod(story, this.#pods, isStory ? await this.#events.of(story) : null),
    );
    return {
      status: 'success',
      data: {
        probes: probes.map(describeTarget),
        problems,
        pods: await Promise.all(pods),
      },
    };
  }
}

/** @param wanted empty for any */
function isWanted(wanted: string, one: string): boolean {
  return wanted === '' || one === wanted;
}
