import { Controller, Get } from '@nestjs/common';
import { MonitorsRunner } from './monitors.runner.ts';

/** Which monitor objects there are, what they come to, and what of them is left out. */
@Controller('api/v1')
export class MonitorsController {
  readonly #runner: MonitorsRunner;

  constructor(runner: MonitorsRunner) {
    this.#runner = runner;
  }

  @Get('monitors')
  monitors(): object {
    const { states, objects } = this.#runner;
    return {
      status: 'success',
      data: {
        kinds: states.map(({ kind, state }) => ({ kind, state })),
        objects: objects.map(({ kind, namespace, name, jobs, refusals, ignored }) => ({
          kind,
          namespace,
          name,
          scrapePools: jobs.map(({ config }) => config.jobName),
          refused: refusals,
          ignoredKeys: ignored,
        })),
      },
    };
  }
}
