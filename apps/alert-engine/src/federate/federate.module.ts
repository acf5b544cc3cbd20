import { Module } from '@nestjs/common';
import { FederateController } from './federate.controller.ts';

/** Samples for another Prometheus; it reads from the global store. */
@Module({ controllers: [FederateController] })
export class FederateModule {}
