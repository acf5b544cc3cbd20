import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ObjectCache } from './object-cache.ts';
import type { KubeObject } from './objects/metadata.ts';
import { RESOURCES } from './resources.ts';

const object = (name: string, resourceVersion: string, uid = `uid-${name}`): KubeObject =>
  RESOURCES.namespaces.decode({ metadata: { name, resourceVersion, uid } });

function followed(maxObjects = 100) {
  const cache = new ObjectCache<KubeObject>({ maxObjects });
  const heard: string[] = [];
  cache.listen({
    put: (key, { metadata }) => heard.push(`+${key}@${metadata.resourceVersion}`),
    remove: (key) => heard.push(`-${key}`),
  });
  return { cache, heard };
}

describe('ObjectCache', () => {
  it('drops what a complete list does not name, and not before', () => {
    const { cache, heard } = followed();
    cache.put(object('a', '1'));
    cache.put(object('b', '2'));
    cache.beginList();
    cache.put(object('b', '3'));
    expect(cache.size).toBe(2);
    cache.endList();
    expect(heard).toEqual(['+a@1', '+b@2', '+b@3', '-a']);
    expect(cache.isSynced).toBe(true);
  });

  it('keeps everything when a list begins again half way', () => {
    const { cache } = followed();
    cache.put(object('a', '1'));
    cache.beginList();
    cache.put(object('b', '2'));
    cache.beginList();
    cache.put(object('a', '1'));
    cache.endList();
    expect([...cache.values()].map(({ metadata }) => metadata.name)).toEqual(['a']);
  });

  it('says nothing of an object that is listed again unchanged', () => {
    const { cache, heard } = followed();
    cache.put(object('a', '1'));
    cache.put(object('a', '1'));
    expect(heard).toEqual(['+a@1']);
  });

  it('ends an object that was made anew under its name', () => {
    const { cache, heard } = followed();
    cache.put(object('a', '1', 'first'));
    cache.put(object('a', '2', 'second'));
    expect(heard).toEqual(['+a@1', '-a', '+a@2']);
  });

  it('counts what it has no room for', () => {
    const { cache } = followed(1);
    cache.put(object('a', '1'));
    cache.put(object('b', '1'));
    expect([cache.size, cache.dropped]).toEqual([1, 1]);
  });

  it('tells a listener that comes later the same as one that was there', () => {
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      isDelete: fc.boolean(),
      version: fc.nat(5),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const cache = new ObjectCache<KubeObject>({ maxObjects: 100 });
        const follow = () => {
          const known = new Map<string, string>();
          cache.listen({
            put: (key, { metadata }) => known.set(key, metadata.resourceVersion),
            remove: (key) => known.delete(key),
          });
          return known;
        };
        const early = follow();
        for (const { name, isDelete, version } of steps) {
          if (isDelete) cache.delete(object(name, String(version)));
          else cache.put(object(name, String(version)));
        }
        expect(Object.fromEntries(follow())).toEqual(Object.fromEntries(early));
      }),
    );
  });
});
