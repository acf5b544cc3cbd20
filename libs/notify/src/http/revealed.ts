import type { SecretSource } from '#libs/dispatch';
import type { Secret } from '#libs/yaml-config';

/** The settings of a block with its secrets read. */
export type Revealed<Settings> = {
  readonly [Key in keyof Settings]: Settings[Key] extends SecretSource
    ? Secret
    : Settings[Key] extends SecretSource | null
      ? Secret | null
      : Settings[Key];
};
