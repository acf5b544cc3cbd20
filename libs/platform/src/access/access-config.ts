import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readSecretFile } from '#libs/node-files';
import { passwordHashProblem } from '#libs/node-passwords';
import { z } from 'zod';
import { PlainError } from '../plain-error.ts';
import { ACCESS_RIGHTS, type AccessRight } from './access-rights.ts';
import type { Credential } from './credentials.ts';
import { readTlsAtStart, type ServerTlsConfig } from './server-tls.ts';

const rights = z
  .array(z.enum(ACCESS_RIGHTS, { error: `accepted are ${ACCESS_RIGHTS.join(', ')}` }))
  .min(1);
const name = z.string().regex(/^[^:\s]{1,100}$/, { error: 'expected a name without : and spaces' });
const file = z.string().min(1);

const passwordHash = z.string().superRefine((text, context) => {
  const message = passwordHashProblem(text);
  if (message !== null) context.addIssue({ code: 'custom', message });
});

const userSchema = z
  .strictObject({
    name,
    may: rights,
    password_file: file.optional(),
    password_hash: passwordHash.optional(),
    password_hash_file: file.optional(),
  })
  .refine(
    (user) =>
      [user.password_file, user.password_hash, user.password_hash_file].filter(
        (each) => each !== undefined,
      ).length === 1,
    { error: 'give password_file, password_hash or password_hash_file, one of them' },
  );

/** `auth`: who may do what. Without anybody in it everybody may do everything. */
export const accessSchema = z
  .strictObject({
    /** Sent as `Authorization: Bearer …`. */
    tokens: z.array(z.strictObject({ name, token_file: file, may: rights })).default([]),
    /** Sent as `Authorization: Basic …`. */
    users: z.array(userSchema).default([]),
    /** As in Prometheus's web configuration: a bcrypt hash for each name. They may do everything. */
    basic_auth_users: z.record(name, passwordHash).default({}),
  })
  .superRefine(({ users, basic_auth_users: basic }, context) => {
    const seen = new Set(Object.keys(basic));
    users.forEach(({ name: who }, index) => {
      if (seen.has(who)) {
        const message = 'another user has this name; give each a name of its own';
        context.addIssue({ code: 'custom', message, path: ['users', index, 'name'] });
      }
      seen.add(who);
    });
  })
  .prefault({});

export type AccessConfig = z.output<typeof accessSchema>;

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
  config: AccessConfig,
  env: Readonly<Record<string, string | undefined>>,
): Promise<AccessConfig> {
  const folder = env['BINNACLE_AUTH_DIR'] ?? '';
  const { tokens: given, users, basic_auth_users: basic } = config;
  if (folder === '' || given.length + users.length + Object.keys(basic).length > 0) return config;
  const found = new Set(await readdir(folder).catch(() => []));
  const tokens = [...TOKEN_FILES]
    .filter(([key]) => found.has(key))
    .map(([key, may]) => ({ name: key, token_file: join(resolve(folder), key), may: [...may] }));
  if (tokens.length > 0) return { ...config, tokens };
  const accepted = [...TOKEN_FILES.keys()].join(', ');
  throw new PlainError(`BINNACLE_AUTH_DIR: ${folder} has none of the files ${accepted}.`);
}

/** The files that credentials are in, as absolute paths. */
export function credentialFiles({ tokens, users }: AccessConfig, folder: string): string[] {
  return [
    ...tokens.map(({ token_file: path }) => path),
    ...users.flatMap(({ password_file: plain, password_hash_file: hash }) => plain ?? hash ?? []),
  ].map((path) => resolve(folder, path));
}

/**
 * Reads the files.
 * @param folder that relative paths start from
 * @throws PlainError for a file that cannot be read, is empty, or holds no hash where one is wanted
 */
export async function readCredentials(
  { tokens, users, basic_auth_users: basic }: AccessConfig,
  folder: string,
): Promise<Credential[]> {
  const credentials: Credential[] = [];
  for (const { name: who, token_file: path, may } of tokens) {
    credentials.push({ name: who, header: `Bearer ${await secretOf(path, folder)}`, may });
  }
  for (const user of users) {
    const { name: who, may, password_file: path } = user;
    if (path === undefined) {
      credentials.push({ name: who, passwordHash: await hashOf(user, folder), may });
    } else {
      const pair = Buffer.from(`${who}:${await secretOf(path, folder)}`).toString('base64');
      credentials.push({ name: who, header: `Basic ${pair}`, may });
    }
  }
  for (const [who, hash] of Object.entries(basic)) {
    credentials.push({ name: who, passwordHash: hash, may: ACCESS_RIGHTS });
  }
  return credentials;
}

/** For a check of the configuration: reads what is asked for at the start. @throws as at the start */
export async function checkAccess(
  config: { readonly auth: AccessConfig; readonly tls?: ServerTlsConfig | undefined },
  folder: string,
): Promise<void> {
  await readCredentials(config.auth, folder);
  await readTlsAtStart(config, folder);
}

async function hashOf(
  { password_hash: given, password_hash_file: path = '' }: z.output<typeof userSchema>,
  folder: string,
): Promise<string> {
  if (given !== undefined) return given;
  const hash = await secretOf(path, folder);
  const problem = passwordHashProblem(hash);
  if (problem !== null) throw new PlainError(`auth: ${resolve(folder, path)}: ${problem}.`);
  return hash;
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
