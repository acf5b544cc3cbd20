import { type DynamicModule, Global, Module } from '@nestjs/common';
import { Registry } from 'prom-client';
import { AppLogger } from './app-logger.ts';
import { findConfigFiles } from './config-file.ts';
import { ReloadController } from './reload.controller.ts';
import { ReloadRunner } from './reload.runner.ts';
import { ReloadService } from './reload-service.ts';
import { RUN_OPTIONS, type RunOptions } from './run-options.ts';

export interface AppConfigOptions<Config> {
  /** The token under which parts ask for the configuration read at the start. */
  readonly token: symbol;
  readonly config: Config;
  /** Reads the configuration anew. @throws when it is bad */
  readonly readConfig: () => Promise<Config>;
  /** See ReloadServiceOptions. */
  readonly metricPrefix: string;
}

/** The configuration read at the start, and the service through which parts take a new one. */
@Global()
@Module({})
export class AppConfigModule {
  static forApp<Config>(options: AppConfigOptions<Config>): DynamicModule {
    const { token, config, readConfig, metricPrefix } = options;
    return {
      module: AppConfigModule,
      controllers: [ReloadController],
      providers: [
        { provide: token, useValue: config },
        {
          provide: ReloadService,
          inject: [RUN_OPTIONS, Registry, AppLogger],
          useFactory: (run: RunOptions, registry: Registry, logger: AppLogger) =>
            new ReloadService<Config>({
              readConfig,
              findConfigFiles: () => findConfigFiles(run),
              registry,
              logger,
              nowMs: Date.now,
              metricPrefix,
            }),
        },
        ReloadRunner,
      ],
      exports: [token, ReloadService],
    };
  }
}
