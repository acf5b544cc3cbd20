import 'reflect-metadata';
import { runService } from '#libs/platform';
import { createApp } from './app.ts';
import { checkConfig } from './check-config.ts';

/** Runs the collector until it is told to stop; resolves once it listens. */
export async function run(): Promise<void> {
  await runService(
    {
      command: 'collector',
      name: 'collector',
      defaultDataDir: './var/collector',
      defaultPort: 9371,
      // How long Kubernetes and an impatient user wait before they kill.
      graceMs: 10_000,
      createApp,
      checkConfig,
    },
    (code) => process.exit(code),
  );
}
