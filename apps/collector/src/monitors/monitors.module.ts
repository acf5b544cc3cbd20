import { Module } from '@nestjs/common';
import { KubernetesModule } from '../kubernetes/kubernetes.module.ts';
import { MonitorsController } from './monitors.controller.ts';
import { MonitorsRunner } from './monitors.runner.ts';

/** Scrape jobs from ServiceMonitor, PodMonitor, Probe and ScrapeConfig objects. */
@Module({
  imports: [KubernetesModule],
  controllers: [MonitorsController],
  providers: [MonitorsRunner],
  exports: [MonitorsRunner],
})
export class MonitorsModule {}
