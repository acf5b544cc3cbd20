import { Module } from '@nestjs/common';
import { TargetsController } from './targets.controller.ts';

/** The targets of all collectors, told from their samples in the global store. */
@Module({ controllers: [TargetsController] })
export class TargetsModule {}
