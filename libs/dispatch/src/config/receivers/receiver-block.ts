import { Secret } from '#libs/yaml-config';
import { z } from 'zod';
import type { HttpIntegration, SecretSource } from '../integration-config.ts';
import {
  type Complain,
  complainIfBoth,
  filled,
  type Path,
  secretSource,
} from '../config-checks.ts';
import { httpConfigSchema, type RawHttpConfig } from '../http-config.ts';
import { duration, flag, maybe, secretText, text } from '../yaml-values.ts';
import type { RawReceiverGlobals } from './receiver-globals.ts';

/** What reading a block may look at besides the block. */
export interface BlockScope {
  readonly global: RawReceiverGlobals | null;
  /** The block's own `http_config`. */
  readonly http: RawHttpConfig | null;
  readonly path: Path;
  readonly complain: Complain;
}

/**
 * The block of one kind of receiver, `<kind>_configs[]`: its keys, and what they mean. Keys that all blocks have
 * (`send_resolved`, `http_config`, `timeout`) do not belong here.
 */
export interface ReceiverBlock<Kind extends string, Shape extends z.ZodRawShape, Settings> {
  readonly kind: Kind;
  /** What `send_resolved` is where it is not given. */
  readonly sendsResolved: boolean;
  /** Keys that are templates with a text of their own, which also stands in where somebody's template fails. */
  readonly defaults: Readonly<Record<string, string>>;
  readonly fields: Shape;
  /** Checks the block and works out what it means. What is wrong is told to `scope.complain`. */
  readonly read: (raw: z.output<z.ZodObject<Shape>>, scope: BlockScope) => Settings;
}

/** A block ready to be used by the loader. */
export interface LoadedBlock<Kind extends string = string, Settings = object> {
  readonly kind: Kind;
  readonly key: `${Kind}_configs`;
  readonly schema: z.ZodType<RawBlock>;
  readonly sendsResolved: boolean;
  readonly defaults: Readonly<Record<string, string>>;
  readonly read: (raw: RawBlock, scope: BlockScope) => Settings;
}

/** A block as it is written, checked key by key. */
export interface RawBlock {
  readonly send_resolved: boolean | null;
  readonly http_config: RawHttpConfig | null;
  readonly timeout: number | null;
}

/** What `deliver` gets for a block. */
export type IntegrationOf<Block> =
  Block extends LoadedBlock<infer Kind, infer Settings> ? HttpIntegration<Kind, Settings> : never;

/** Makes a block of its description. */
export function receiverBlock<const Kind extends string, Shape extends z.ZodRawShape, Settings>(
  block: ReceiverBlock<Kind, Shape, Settings>,
): LoadedBlock<Kind, Settings> {
  const schema = z.strictObject({
    ...block.fields,
    send_resolved: maybe(flag),
    http_config: maybe(httpConfigSchema),
    timeout: maybe(duration),
  });
  return {
    kind: block.kind,
    key: `${block.kind}_configs`,
    // The loader only needs the keys all blocks have; `read` gets back what this very schema gave.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as said above.
    schema: schema as unknown as z.ZodType<RawBlock>,
    sendsResolved: block.sendsResolved,
    defaults: block.defaults,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as said above.
    read: block.read as unknown as LoadedBlock<Kind, Settings>['read'],
  };
}

/** Reads a block with its own reader. */
export function readBlock<Settings>(
  block: LoadedBlock<string, Settings>,
  raw: RawBlock,
  scope: BlockScope,
): Settings {
  const { send_resolved: _send, http_config: _http, timeout: _timeout, ...own } = raw;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys it does not look for are gone.
  return block.read(own as RawBlock, scope);
}

/** A call of the default template of that name. */
export function calls(name: string): string {
  return `{{ template "${name}" . }}`;
}

/** Keys that are templates, each with its default. */
export function templates<Defaults extends Readonly<Record<string, string>>>(
  defaults: Defaults,
): { [Key in keyof Defaults]: z.ZodType<string> } {
  const fields = Object.entries(defaults).map(([key, fallback]) => [
    key,
    text.nullish().transform((value) => value ?? fallback),
  ]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `fromEntries` forgets the keys.
  return Object.fromEntries(fields) as { [Key in keyof Defaults]: z.ZodType<string> };
}

/** A text that is empty where it is not given. */
export const optionalText = text.nullish().transform((value) => value ?? '');

/** A truth value that is false where it is not given. */
export const optionalFlag = flag.nullish().transform((value) => value ?? false);

/** The keys of an address that is a secret, as most programs for chats give to whoever is to write there. */
export const webhookUrlFields = { webhook_url: maybe(secretText), webhook_url_file: maybe(text) };

/** The keys of a secret that may stand in the file or in a file of its own. */
export type SecretKeys<Name extends string> = {
  readonly [Key in Name]: Secret | null;
} & { readonly [Key in `${Name}_file`]: string | null };

/** Reads such a secret; null where it is not given. */
export function readSecret<Name extends string>(
  raw: SecretKeys<Name>,
  name: Name,
  { path, complain }: Pick<BlockScope, 'path' | 'complain'>,
): SecretSource | null {
  complainIfBoth<string>(raw, [name, `${name}_file`], path, complain);
  return secretUnder(raw, name);
}

/** TypeScript cannot follow a computed name into a mapped type. */
function secretUnder(values: object, name: string): SecretSource | null {
  const entries = new Map<string, unknown>(Object.entries(values));
  const secret = entries.get(name);
  const file = entries.get(`${name}_file`);
  return secretSource(
    secret instanceof Secret ? secret : null,
    typeof file === 'string' ? file : null,
  );
}

/** As {@link readSecret}, with the global one where the block has none. */
export function readInherited<Name extends string, GlobalName extends string>(
  raw: SecretKeys<Name>,
  name: Name,
  globalName: GlobalName & keyof RawReceiverGlobals,
  scope: BlockScope,
): SecretSource | null {
  const own = readSecret(raw, name, scope);
  if (own !== null) return own;
  return scope.global === null ? null : secretUnder(scope.global, globalName);
}

const NO_SECRET: SecretSource = { kind: 'file', path: '' };

/** Complains where a secret that is needed is missing. */
export function required(
  source: SecretSource | null,
  message: string,
  { path, complain }: BlockScope,
): SecretSource {
  if (source !== null) return source;
  complain(path, message);
  return NO_SECRET;
}

/** As {@link readSecret}; complains where it is missing. */
export function requiredSecret<Name extends string>(
  raw: SecretKeys<Name>,
  name: Name,
  scope: BlockScope,
): SecretSource {
  const source = readSecret(raw, name, scope);
  return required(source, `one of ${name} and ${name}_file is missing`, scope);
}

/** As {@link requiredSecret}, for an address. */
export function requiredSecretUrl<Name extends string>(
  raw: SecretKeys<Name>,
  name: Name,
  scope: BlockScope,
): SecretSource {
  const source = checkSecretUrl(readSecret(raw, name, scope), name, scope);
  return required(source, `one of ${name} and ${name}_file is missing`, scope);
}

/** As {@link readInherited}; complains where it is missing in both places. */
export function requiredInherited<Name extends string, GlobalName extends string>(
  raw: SecretKeys<Name>,
  name: Name,
  globalName: GlobalName & keyof RawReceiverGlobals,
  scope: BlockScope,
): SecretSource {
  const source = readInherited(raw, name, globalName, scope);
  return required(source, `"${name}" is missing, and there is no global ${globalName}`, scope);
}

/** Complains where a text that is needed is missing. */
export function requiredText(value: string | null, key: string, scope: BlockScope): string {
  if (filled(value) === null) scope.complain(scope.path, `"${key}" is missing`);
  return value ?? '';
}

/** A web address; a wrong one is complained about. Where there is none, `fallback`. */
export function webUrl(
  value: string | null | undefined,
  fallback: string,
  key: string,
  { path, complain }: BlockScope,
): string {
  const url = filled(value) ?? fallback;
  if (url !== '' && (!/^https?:\/\/[^/]/i.test(url) || !URL.canParse(url))) {
    complain([...path, key], 'expected a URL that starts with http:// or https://');
  }
  return url;
}

/** Global keys that are plain texts. */
type GlobalText = {
  [Key in keyof RawReceiverGlobals]: RawReceiverGlobals[Key] extends string | null ? Key : never;
}[keyof RawReceiverGlobals];

/** The block's own `api_url`, else the global one, else `fallback`. */
export function apiUrl(
  raw: { readonly api_url: string | null },
  globalName: GlobalText,
  fallback: string,
  scope: BlockScope,
): string {
  return webUrl(raw.api_url ?? scope.global?.[globalName], fallback, 'api_url', scope);
}

/** Complains about a secret address written in the file that is none. */
export function checkSecretUrl(
  source: SecretSource | null,
  key: string,
  scope: BlockScope,
): SecretSource | null {
  if (source?.kind === 'inline') webUrl(source.secret.reveal(), '', key, scope);
  return source;
}
