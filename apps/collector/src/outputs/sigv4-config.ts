import { secretSchema } from '#libs/yaml-config';
import { z } from 'zod';

const text = z.string().min(1).max(2_048);

/** How requests to services of AWS are signed; what is not given comes from the environment, as AWS's programs have it. */
export const sigv4Shape = {
  /** By default `AWS_REGION` or `AWS_DEFAULT_REGION`. */
  region: z
    .string()
    .regex(/^[a-z0-9-]{1,40}$/, { error: 'expected a region, such as eu-central-1' })
    .optional(),
  access_key: z.string().min(1).max(128).optional(),
  secret_key: secretSchema.optional(),
  /** Read anew for each request. */
  secret_key_file: text.optional(),
  session_token: secretSchema.optional(),
  session_token_file: text.optional(),
  /** Of the files of AWS's programs. */
  profile: text.optional(),
  /** Taken on with the keys that are given or found. */
  role_arn: text.optional(),
  external_id: text.optional(),
  use_fips_sts_endpoint: z.boolean().default(false),
};

const sigv4Keys = z.strictObject(sigv4Shape);
/** What {@link checkSigv4} checks, and who signs is made of. */
export type Sigv4Keys = z.output<typeof sigv4Keys>;

/** The checks across the keys. */
export function checkSigv4(keys: Sigv4Keys, context: z.RefinementCtx): void {
  const complain = (key: string, message: string): void =>
    context.addIssue({ code: 'custom', path: [key], message });
  const secrets = [keys.secret_key, keys.secret_key_file].filter((given) => given !== undefined);
  if (keys.access_key !== undefined && secrets.length !== 1) {
    complain('secret_key', 'give secret_key or secret_key_file, one of them');
  }
  if (keys.access_key === undefined && secrets.length > 0) {
    complain('access_key', 'secret_key needs access_key');
  }
  const tokens = [keys.session_token, keys.session_token_file].filter(
    (given) => given !== undefined,
  );
  if (tokens.length > 1)
    complain('session_token', 'give session_token or session_token_file, not both');
  if (tokens.length > 0 && keys.access_key === undefined) {
    complain('session_token', 'session_token needs access_key');
  }
  if (keys.profile !== undefined && keys.access_key !== undefined) {
    complain('profile', 'give profile or access_key, not both');
  }
  if (keys.external_id !== undefined && keys.role_arn === undefined) {
    complain('external_id', 'external_id needs role_arn');
  }
}
