import 'reflect-metadata';
import { runService } from '#libs/platform';
import { createApp } from './app.ts';
import { checkConfig } from './check-config.ts';

await runService(
  {
    command: 'engine',
    name: 'alert-engine',
    defaultDataDir: './var/engine',
    defaultPort: 9370,
    // How long Kubernetes and an impatient user wait before they kill.
    graceMs: 15_000,
    createApp,
    checkConfig,
  },
  (code) => process.exit(code),
);
