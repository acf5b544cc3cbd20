import { Module } from '@nestjs/common';
import { OutputsModule } from '../outputs/outputs.module.ts';
import { HostMetricsRunner } from './host-metrics.runner.ts';

/** This machine's metrics under node_exporter's names. */
@Module({
  imports: [OutputsModule],
  providers: [HostMetricsRunner],
})
export class HostMetricsModule {}
