// Writes one key after the other to the state in the file PATH and prints those that are acknowledged; with `list`, prints
// those that are there.
import { SqliteStateStore } from '#libs/node-state';

const [path, task] = process.argv.slice(2) as [string, string | undefined];
const store = await SqliteStateStore.open(path);
if (task === 'list') {
  for (const key of (await store.load('faults')).keys()) process.stdout.write(`${key}\n`);
  await store.close();
} else {
  for (let number = 0; ; number++) {
    const key = `key-${number}`;
    await store.apply([{ area: 'faults', key, value: 'x'.repeat(100) }]);
    process.stdout.write(`${key}\n`);
  }
}
