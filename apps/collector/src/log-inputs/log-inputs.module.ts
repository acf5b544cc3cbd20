import { Module } from '@nestjs/common';
import { LogsModule } from '../logs/logs.module.ts';
import { LogInputsRunner } from './log-inputs.runner.ts';

/** Log records that others send, beside those of files. */
@Module({
  imports: [LogsModule],
  providers: [LogInputsRunner],
})
export class LogInputsModule {}
