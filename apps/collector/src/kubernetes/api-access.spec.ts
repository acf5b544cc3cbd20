import { describe, expect, it } from '@jest/globals';
import { RESOURCES } from '#libs/kube';
import { API_ACCESS } from './api-access.ts';

function watchedIn(feature: keyof typeof API_ACCESS): string[] {
  return API_ACCESS[feature]
    .filter(({ verbs }) => verbs.includes('watch'))
    .map(({ apiGroup, resource }) => `${apiGroup}/${resource}`);
}

/** As the paths of the API have it, with the version left out. */
const WATCHABLE = Object.values(RESOURCES).map(
  ({ api, plural }) => `${/^\/apis\/([^/]+)\//.exec(api)?.[1] ?? ''}/${plural}`,
);

describe('what the collector asks of the API server', () => {
  it('is every resource that it can read, and no other', () => {
    expect(watchedIn('cluster_state').toSorted()).toEqual(WATCHABLE.toSorted());
  });

  it('is for discovery a part of that', () => {
    expect(WATCHABLE).toEqual(expect.arrayContaining(watchedIn('discovery')));
  });
});
