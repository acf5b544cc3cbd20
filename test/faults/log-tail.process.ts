// Tails FILE into OUTPUT, acknowledging what is fsynced there, with checkpoints in STATE. Made to be killed. Makes
// OUTPUT.tailing once it can be told to stop.
import { closeSync, fsyncSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { LogTailer } from '#libs/log-tail';
import { FileCheckpointStore, NodeLogFiles } from '#libs/node-tail';

const [file, output, state] = process.argv.slice(2) as [string, string, string];
const descriptor = openSync(output, 'a');
const tailer: LogTailer = new LogTailer({
  files: new NodeLogFiles([{ name: 'g', include: [file], exclude: [] }]),
  checkpoints: new FileCheckpointStore(state),
  groups: [{ name: 'g', from: 'beginning', maxLineBytes: 1024 * 1024 }],
  scanIntervalMs: 20,
  checkpointIntervalMs: 20,
  rotatedGraceMs: 1_000,
  sink: {
    accept(batch): void {
      writeSync(descriptor, batch.bytes, 0, batch.endOffset - batch.firstOffset);
      fsyncSync(descriptor);
      tailer.acknowledge(batch);
    },
    end(): void {},
  },
});
await tailer.start();
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
writeFileSync(`${output}.tailing`, '');
while (!stop.signal.aborted) {
  await tailer.poll(Date.now());
  await new Promise((resolve) => {
    setTimeout(resolve, 5);
  });
}
await tailer.stop(Date.now());
closeSync(descriptor);
