import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { runCli } from './cli.ts';

const { stdin, stdout, stderr } = process;
// `binnacle … | head` ends the reader before the writer.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

process.exitCode = await runCli(process.argv.slice(2), {
  out: (output) => stdout.write(output),
  err: (output) => stderr.write(output),
  outDrained: async () => {
    if (stdout.writableNeedDrain) await once(stdout, 'drain');
  },
  env: process.env,
  readInput: () => text(stdin),
  input: stdin,
});
