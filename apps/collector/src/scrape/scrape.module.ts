import { Module } from '@nestjs/common';
import { OutputsModule } from '../outputs/outputs.module.ts';
import { ScrapeRunner } from './scrape.runner.ts';
import { TargetsController } from './targets.controller.ts';

/** Scraping: the jobs of `scrape_configs`, their targets and how they fare. */
@Module({
  imports: [OutputsModule],
  controllers: [TargetsController],
  providers: [ScrapeRunner],
})
export class ScrapeModule {}
