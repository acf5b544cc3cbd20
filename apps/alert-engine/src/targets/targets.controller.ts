import { Controller, Get, Inject, Query } from '@nestjs/common';
import { z } from 'zod';
import { STORE, type Store } from '../store/store.ts';
import { scrapedTargets, targetToJson } from './scraped-targets.ts';

const targetsQuery = z.object({
  state: z.enum(['active', 'dropped', 'any']).default('any'),
  scrapePool: z.string().optional(),
});

/** Prometheus's list of targets, as the store knows them: the collectors hold the full story. */
@Controller('api/v1')
export class TargetsController {
  readonly #store: Store;

  constructor(@Inject(STORE) store: Store) {
    this.#store = store;
  }

  @Get('targets')
  async targets(
    @Query({ schema: targetsQuery }) { state, scrapePool }: z.output<typeof targetsQuery>,
  ): Promise<object> {
    const targets = state === 'dropped' ? [] : await scrapedTargets(this.#store, Date.now());
    const activeTargets = targets
      .filter(({ labels }) => scrapePool === undefined || labels.get('job') === scrapePool)
      .map(targetToJson);
    return {
      status: 'success',
      // What relabelling dropped never reached the engine.
      data: { activeTargets, droppedTargets: [], droppedTargetCounts: {} },
    };
  }
}
