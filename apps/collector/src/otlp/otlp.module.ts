import { Module } from '@nestjs/common';
import { LogInputsModule } from '../log-inputs/log-inputs.module.ts';
import { LogsModule } from '../logs/logs.module.ts';
import { OutputsModule } from '../outputs/outputs.module.ts';
import { OtlpRunner } from './otlp.runner.ts';

/** Metrics and logs that applications send by OpenTelemetry's protocol. */
@Module({
  imports: [LogsModule, LogInputsModule, OutputsModule],
  providers: [OtlpRunner],
})
export class OtlpModule {}
