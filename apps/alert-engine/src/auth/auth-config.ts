import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readSecretFile } from '#libs/node-files';
import { PlainError } from '#libs/platform';
import { z } from 'zod';
import { ACCESS_RIGHTS, type AccessRight } from './access-rights.ts';
import type { Credential } from './credentials.ts';

const rights = z
  .array(z.enum(ACCESS_RIGHTS, { error: `accepted are ${ACCESS_RIGHTS.join(', ')}` }))
  .min(1);
const name = z.string().regex(/^[^:\s]{1,100}$/, { error: 'expected a name without : and spaces' });
const file = z.string().min(1);

/** `auth`: who may do what. Without anybody in it everybody may do everything. */
export const authSchema = z
  .strictObject({
    /** Sent as `Authorization: Bearer …`. */
    tokens: z.array(z.strictObject({ name, token_file: file, may: rights })).default([]),
    /** Sent as `Authorization: Basic …`. */
    users: z.array(z.strictObject({ name, password_file: file, may: rights })).default([]),
  })
  .prefault({});

export type AuthConfig = z.output<typeof authSchema>;

/** What a file of `BINNACLE_AUTH_DIR` allows, by its name: each holds one token. */
const TOKEN_FILES: ReadonlyMap<string, readonly AccessRight[]> = new Map([
  ['read', ['read']],
  ['write', ['write']],
  ['edit', ['read', 'edit']],
]);

/**
 * Where nothing is configured, the tokens of the folder that the environment names.
 * @throws PlainError where that folder has none: whoever names it wants the door shut
 */
export async function withTokenFolder(
  config: AuthConfig,
  env: Readonly<Record<string, string | undefined>>,
): Promise<AuthConfig> {
  const folder = env['BINNACLE_AUTH_DIR'] ?? '';
  if (folder === '' || config.tokens.length + config.users.length > 0) return config;
  const found = new Set(await readdir(folder).catch(() => []));
  const tokens = [...TOKEN_FILES]
    .filter(([key]) => found.has(key))
    .map(([key, may]) => ({ name: key, token_file: join(resolve(folder), key), may: [...may] }));
  if (tokens.length > 0) return { tokens, users: [] };
  const accepted = [...TOKEN_FILES.keys()].join(', ');
  throw new PlainError(`BINNACLE_AUTH_DIR: ${folder} has none of the files ${accepted}.`);
}

/** The files that credentials are in, as absolute paths. */
export function credentialFiles({ tokens, users }: AuthConfig, folder: string): string[] {
  return [
    ...tokens.map(({ token_file: path }) => path),
    ...users.map(({ password_file: path }) => path),
  ].map((path) => resolve(folder, path));
}

/**
 * Reads the files.
 * @param folder that relative paths start from
 * @throws PlainError for a file that cannot be read or is empty
 */
export async function readCredentials(
  { tokens, users }: AuthConfig,
  folder: string,
): Promise<Credential[]> {
  const credentials: Credential[] = [];
  for (const { name: who, token_file: path, may } of tokens) {
    credentials.push({ name: who, header: `Bearer ${await secretOf(path, folder)}`, may });
  }
  for (const { name: who, password_file: path, may } of users) {
    const pair = Buffer.from(`${who}:${await secretOf(path, folder)}`).toString('base64');
    credentials.push({ name: who, header: `Basic ${pair}`, may });
  }
  return credentials;
}

async function secretOf(path: string, folder: string): Promise<string> {
  const full = resolve(folder, path);
  const text = await readSecretFile(full).catch((error: unknown) => {
    throw new PlainError(`auth: cannot read ${full}.`, { cause: error });
  });
  const secret = text.trim();
  if (secret === '') throw new PlainError(`auth: ${full} is empty.`);
  return secret;
}
