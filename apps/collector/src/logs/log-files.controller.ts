import { Controller, Get } from '@nestjs/common';
import { LogsRunner } from './logs.runner.ts';

/** Which log files are followed, and how far. */
@Controller('api/v1/logs')
export class LogFilesController {
  readonly #runner: LogsRunner;

  constructor(runner: LogsRunner) {
    this.#runner = runner;
  }

  @Get('files')
  files(): object {
    const files = this.#runner.files().map(({ output, status: file }) => ({
      output,
      group: file.group,
      path: file.path,
      identity: { device: file.device, inode: file.inode, fingerprint: file.fingerprint },
      state: file.state,
      size: file.sizeBytes,
      offset: file.committedOffset,
      readOffset: file.readOffset,
      lagBytes: file.lagBytes,
      lagSeconds: file.lagSeconds,
      lastError: file.lastError,
    }));
    return { status: 'success', data: { files } };
  }
}
