import { text } from 'node:stream/consumers';
import { runCli } from './cli.ts';

// `binnacle … | head` ends the reader before the writer.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

process.exitCode = await runCli(process.argv.slice(2), {
  out: (output) => process.stdout.write(output),
  err: (output) => process.stderr.write(output),
  env: process.env,
  readInput: () => text(process.stdin),
});
