import { createHash } from 'node:crypto';
import { LinearRegExp } from '#libs/labels';
import { Secret } from '#libs/yaml-config';

/** Equal for equal pieces of configuration, secrets and expressions included; it gives nothing of a secret away. */
export function configFingerprint(config: unknown): string {
  const text = JSON.stringify(config, (_key, value: unknown) => {
    if (value instanceof LinearRegExp) return value.pattern;
    return typeof value === 'bigint' || value === Infinity ? String(value) : value;
  });
  const hash = createHash('sha256').update(text);
  // `JSON.stringify` has asked every secret for its `toJSON`, so their texts are added apart.
  for (const secret of secretsOf(config)) hash.update(`\0${secret.reveal()}`);
  return hash.digest('hex');
}

function secretsOf(value: unknown): Secret[] {
  if (value instanceof Secret) return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(secretsOf);
}
