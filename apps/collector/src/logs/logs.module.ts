import { Module } from '@nestjs/common';
import { KubernetesModule } from '../kubernetes/kubernetes.module.ts';
import { OutputsModule } from '../outputs/outputs.module.ts';
import { LiveViewController } from './live-view.controller.ts';
import { LiveView } from './live-view.ts';
import { LogFilesController } from './log-files.controller.ts';
import { LogIntake } from './log-intake.ts';
import { LogsRunner } from './logs.runner.ts';

/** Log files: followed, counted by level, and forwarded. */
@Module({
  imports: [OutputsModule, KubernetesModule],
  controllers: [LogFilesController, LiveViewController],
  providers: [LiveView, LogIntake, LogsRunner],
  exports: [LogIntake],
})
export class LogsModule {}
