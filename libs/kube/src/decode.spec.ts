import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseApiStatus, parseListPage, parseWatchEvent } from './api-message.ts';
import { KubeObjectError } from './decode.ts';
import { RESOURCE_NAMES, RESOURCES } from './resources.ts';

function outcome(decode: () => unknown): string {
  try {
    decode();
    return 'read';
  } catch (error) {
    return error instanceof KubeObjectError ? 'refused' : String(error);
  }
}

describe('objects of the API', () => {
  it('have zero values for what the server left out, and nothing nobody reads', () => {
    const pod = RESOURCES.pods.decode({
      metadata: { name: 'a', managedFields: [{ manager: 'x' }] },
      spec: { containers: [{ name: 'c', env: [{ name: 'A', value: 'b' }] }] },
    });
    expect(pod.spec).toMatchObject({ nodeName: '', hostNetwork: false, overhead: new Map() });
    expect(pod.metadata.creationTimestamp).toBeNull();
    expect(JSON.stringify(pod)).not.toMatch(/managedFields|env/);
  });

  it.each([
    [{ metadata: { name: 1 } }, 'metadata.name: expected a string, got number'],
    [{ spec: { containers: [{}, { image: [] }] } }, 'spec.containers.1.image: expected a string'],
    [{ spec: { overhead: { cpu: true } } }, 'spec.overhead.cpu: expected a string, got boolean'],
    [{ status: { startTime: 'soon' } }, 'status.startTime: expected a time as in RFC 3339'],
    [{ spec: 'x' }, 'spec: expected an object, got string'],
    [[], 'expected an object, got a list'],
  ])('%j is refused with the place', (json, expected) => {
    expect(() => RESOURCES.pods.decode(json)).toThrow(expected);
  });

  it('take any name for a key', () => {
    const json: unknown = JSON.parse('{"metadata":{"labels":{"__proto__":"x","constructor":"y"}}}');
    const { labels } = RESOURCES.pods.decode(json).metadata;
    expect([...labels]).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });

  it('leave out the annotation that holds the object a second time', () => {
    const { annotations } = RESOURCES.pods.decode({
      metadata: {
        annotations: {
          'kubectl.kubernetes.io/last-applied-configuration': '{}',
          long: 'x'.repeat(5_000),
          kept: 'yes',
        },
      },
    }).metadata;
    expect([...annotations]).toEqual([['kept', 'yes']]);
  });

  it('are read or refused, whatever comes', () => {
    fc.assert(
      fc.property(fc.constantFrom(...RESOURCE_NAMES), fc.jsonValue(), (name, json) => {
        expect(outcome(() => RESOURCES[name].decode(json))).toMatch(/^(read|refused)$/);
      }),
    );
  });
});

describe('messages of the API', () => {
  it('reads a page, an event and a Status', () => {
    const page =
      '{"kind":"PodList","metadata":{"resourceVersion":"5","continue":"t"},"items":[{"a":1}]}';
    expect(parseListPage(page)).toEqual({
      items: [{ a: 1 }],
      resourceVersion: '5',
      continueToken: 't',
    });
    expect(
      parseWatchEvent('{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}'),
    ).toEqual({ kind: 'bookmark', resourceVersion: '9' });
    const status = {
      kind: 'Status',
      code: 429,
      reason: 'TooManyRequests',
      details: { retryAfterSeconds: 3 },
    };
    expect(parseApiStatus(JSON.stringify(status))).toMatchObject({
      code: 429,
      retryAfterMs: 3_000,
    });
    expect(parseApiStatus('<html>')).toBeNull();
  });

  it.each([
    ['', 'no JSON'],
    ['{"type":"SYNC"}', 'unknown type "SYNC"'],
    ['{"type":"ERROR","object":{}}', 'expected a Status'],
    ['[]', 'expected an object'],
  ])('refuses %j as an event', (line, expected) => {
    expect(() => parseWatchEvent(line)).toThrow(expected);
  });

  it('refuses as a list what is none', () => {
    expect(() => parseListPage('{"kind":"Status"}')).toThrow('expected a list');
  });
});
