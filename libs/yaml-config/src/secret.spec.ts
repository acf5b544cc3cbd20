import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { Secret, secretSchema } from './secret.ts';

describe('Secret', () => {
  const canary = 'canary-7f3a';
  const secret = new Secret(canary);

  it.each([
    ['a string', String(secret)],
    ['concatenation', ['Bearer', secret].join(' ')],
    ['JSON', JSON.stringify({ secret, list: [secret] })],
    ['inspect', inspect({ secret }, { depth: 9, showHidden: true })],
    ['an error message', String(new Error(`refused ${String(secret)}`))],
    ['its own keys', Reflect.ownKeys(secret).join()],
    ['a structured clone', JSON.stringify(structuredClone(Object.entries(secret)))],
  ])('does not show in %s', (_, shown) => {
    expect(shown).not.toContain(canary);
  });

  it('hands its text to whoever asks by name', () => {
    expect(secret.reveal()).toBe(canary);
    expect(secret.equals(new Secret(canary))).toBe(true);
    expect(secret.equals(new Secret(''))).toBe(false);
    expect(new Secret('').isEmpty).toBe(true);
  });

  it('comes out of a schema', () => {
    expect(secretSchema.parse(canary).reveal()).toBe(canary);
  });
});
