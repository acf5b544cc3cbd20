import { readdir, readFile } from 'node:fs/promises';
import { eventually, type RunningProcess } from '../support/processes.ts';

/** Halts a process between two of its system calls. `SIGCONT` lets it go on. */
export async function haltProcess({ child }: RunningProcess): Promise<void> {
  child.kill('SIGSTOP');
  await eventually('all threads to halt', async () => {
    for (const thread of await readdir(`/proc/${child.pid}/task`)) {
      const stat = await readFile(`/proc/${child.pid}/task/${thread}/stat`, 'utf8');
      if (stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'T') return null;
    }
    return true;
  });
}
