import { execFile } from 'node:child_process';
import { expect, it } from '@jest/globals';
import { ExpositionWriter } from '#libs/exposition';
import { Labels } from '#libs/labels';
import { describeWithPeers } from '../support/peers.ts';

describeWithPeers('metrics bodies', ['promtool'], ([promtool]) => {
  it('as we write them are what promtool wants', async () => {
    const writer = new ExpositionWriter('text');
    writer.help('binnacle_written_total', 'Things written,\nwith a \\ in the help.');
    writer.type('binnacle_written_total', 'counter');
    const labels = { __name__: 'binnacle_written_total', text: 'a "quoted"\nline', path: 'C:\\x' };
    writer.series(Labels.fromRecord(labels), 1_234_567.5);
    writer.help('binnacle_wait_seconds', 'Waits.');
    writer.type('binnacle_wait_seconds', 'histogram');
    for (const le of ['0.5', '+Inf']) {
      writer.series(Labels.fromRecord({ __name__: 'binnacle_wait_seconds_bucket', le }), 3);
    }
    writer.series(Labels.fromRecord({ __name__: 'binnacle_wait_seconds_sum' }), 1e-7);
    writer.series(Labels.fromRecord({ __name__: 'binnacle_wait_seconds_count' }), 3);
    const complaints = await new Promise<string>((resolve, reject) => {
      const child = execFile(promtool!, ['check', 'metrics'], (error, stdout, stderr) => {
        if (error !== null && typeof error.code !== 'number') reject(error);
        else resolve(stdout + stderr);
      });
      child.stdin!.end(writer.take());
    });
    expect(complaints).toBe('');
  });
});
