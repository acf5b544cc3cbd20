// Builds and pushes both images for every platform, with an SBOM and the provenance of the build. What they are built
// from is named by digest, so that the same sources give the same image; a release with anything else is refused.
import { parseArgs } from 'node:util';
import { main, PlainError, root, run } from './lib/workspace.mjs';

const DIGEST = /^[^@\s]+@sha256:[0-9a-f]{64}$/;
const OPTIONS = ['registry', 'version', 'build-image', 'base-image'];

await main(async () => {
  const { values } = parseArgs({
    options: {
      ...Object.fromEntries(OPTIONS.map((name) => [name, { type: 'string' }])),
      'dry-run': { type: 'boolean', default: false },
    },
  });
  for (const name of OPTIONS) {
    if (values[name] === undefined) throw new PlainError(`--${name} is missing`);
  }
  for (const name of ['build-image', 'base-image']) {
    if (DIGEST.test(values[name])) continue;
    throw new PlainError(
      `--${name} must name its image by digest, as NAME@sha256:…; \`docker buildx imagetools inspect ${values[name]}\` shows it`,
    );
  }
  for (const app of ['alert-engine', 'collector']) {
    const args = [
      'buildx',
      'build',
      '--platform',
      'linux/amd64,linux/arm64',
      '--sbom=true',
      '--provenance=mode=max',
      '--push',
      '--build-arg',
      `BUILD_IMAGE=${values['build-image']}`,
      '--build-arg',
      `BASE_IMAGE=${values['base-image']}`,
      '--file',
      `deploy/images/${app}.Dockerfile`,
      '--tag',
      `${values.registry}/${app}:${values.version}`,
      root,
    ];
    if (values['dry-run']) process.stdout.write(`docker ${args.join(' ')}\n`);
    else if ((await run('docker', args)) !== 0) throw new PlainError(`${app} could not be built`);
  }
});
