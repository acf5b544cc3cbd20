import { Module } from '@nestjs/common';
import { LogsModule } from '../logs/logs.module.ts';
import { Registry } from 'prom-client';
import { InputMetrics } from './input-metrics.ts';
import { LogInputsRunner } from './log-inputs.runner.ts';

/** Log records that others send, beside those of files. */
@Module({
  imports: [LogsModule],
  providers: [
    LogInputsRunner,
    {
      provide: InputMetrics,
      useFactory: (registry: Registry) => new InputMetrics(registry),
      inject: [Registry],
    },
  ],
  exports: [InputMetrics],
})
export class LogInputsModule {}
