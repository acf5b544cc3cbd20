import { Global, Module } from '@nestjs/common';
import { RUN_OPTIONS, type RunOptions } from '#libs/platform';
import { DataDirectory } from './data-directory.ts';

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
