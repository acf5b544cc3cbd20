import { isAbsolute, resolve } from 'node:path';
import { createLogOutput, type LogOutputContext } from './create-log-output.ts';
import type { FileOutputConfig } from './file-output-config.ts';
import { FileTransport } from './file-transport.ts';
import type { LogOutput } from './log-output.ts';

/** An output to files of this machine. */
export function createFileOutput(config: FileOutputConfig, context: LogOutputContext): LogOutput {
  const { path, format, max_size: maxBytes, max_files: maxFiles } = config;
  const transport = new FileTransport({
    path: isAbsolute(path) ? path : resolve(context.baseDir, path),
    format,
    maxBytes,
    maxFiles,
  });
  return createLogOutput(`file-${config.name}`, transport, config, context);
}
