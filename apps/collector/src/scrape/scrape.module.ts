import { Module } from '@nestjs/common';
import { DiscoveryModule } from '../discovery/discovery.module.ts';
import { OutputsModule } from '../outputs/outputs.module.ts';
import { MonitorsModule } from '../monitors/monitors.module.ts';
import { ProbesModule } from '../probes/probes.module.ts';
import { ScrapeRunner } from './scrape.runner.ts';
import { TargetsController } from './targets.controller.ts';

/** Scraping: the jobs of `scrape_configs`, their targets and how they fare. */
@Module({
  imports: [OutputsModule, DiscoveryModule, MonitorsModule, ProbesModule],
  controllers: [TargetsController],
  providers: [ScrapeRunner],
})
export class ScrapeModule {}
