import { Module } from '@nestjs/common';
import { OutputsModule } from '../outputs/outputs.module.ts';
import { ProbesController } from './probes.controller.ts';
import { ProbesRunner } from './probes.runner.ts';

/** Probing: the targets of `probes` and how they fare. */
@Module({
  imports: [OutputsModule],
  controllers: [ProbesController],
  providers: [ProbesRunner],
})
export class ProbesModule {}
