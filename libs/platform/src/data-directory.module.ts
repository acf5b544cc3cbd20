import { Global, Module } from '@nestjs/common';
import { DataDirectory } from './data-directory.ts';
import { RUN_OPTIONS, type RunOptions } from './run-options.ts';

/** The data directory, locked before anything in it is opened. */
@Global()
@Module({
  providers: [
    {
      provide: DataDirectory,
      inject: [RUN_OPTIONS],
      useFactory: (options: RunOptions) => DataDirectory.open(options.dataDir),
    },
  ],
  exports: [DataDirectory],
})
export class DataDirectoryModule {}
