import { spawnSync } from 'node:child_process';
import { describe, it } from '@jest/globals';

/** Whether kubectl is there and new enough to render folders of resources (1.27). */
function hasKubectl(): boolean {
  const { status, stdout } = spawnSync('kubectl', ['version', '--client', '-o', 'json'], {
    encoding: 'utf8',
  });
  return status === 0 && Number(/"minor":\s*"(\d+)/.exec(stdout)?.[1] ?? 0) >= 27;
}

/** A suite that renders manifests. Without kubectl it is one skipped test that says so. */
export function describeWithKubectl(name: string, body: () => void): void {
  if (hasKubectl()) {
    describe(name, body);
    return;
  }
  describe(name, () => {
    it.skip('needs kubectl 1.27 or newer, which this machine does not have', () => {});
  });
}
