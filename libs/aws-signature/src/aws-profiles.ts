import type { AwsCredentials } from './aws-signature.ts';

/** What a profile says of whom it is; each null where it does not. */
export interface AwsProfile {
  readonly keys: AwsCredentials | null;
  readonly roleArn: string | null;
  readonly externalId: string | null;
  /** The profile whose keys take on the role. */
  readonly sourceProfile: string | null;
  /** The token with which the role is taken on instead. */
  readonly tokenFile: string | null;
}

/**
 * Reads a profile out of the texts of `credentials` and `config` (`[name]` in one, `[profile name]` in the other); what the
 * first says counts.
 * @returns null where there is no such profile
 */
export function readAwsProfile(texts: readonly string[], name: string): AwsProfile | null {
  const values = new Map<string, string>();
  let isThere = false;
  for (const text of texts) {
    let isOurs = false;
    for (const line of text.split(/\r?\n/)) {
      const section = /^\s*\[\s*(?:profile\s+)?([^\]]*?)\s*\]/.exec(line)?.[1];
      if (section !== undefined) {
        isOurs = section === name;
        isThere ||= isOurs;
        continue;
      }
      // Lines that begin with a blank belong to the setting above, none of which is ours.
      const pair = isOurs ? /^([A-Za-z_]+)\s*=\s*(.*?)\s*$/.exec(line) : null;
      const key = pair?.[1]?.toLowerCase();
      if (key !== undefined && !values.has(key)) values.set(key, pair![2]!);
    }
  }
  if (!isThere) return null;
  const of = (key: string): string | null => values.get(key) || null;
  const accessKey = of('aws_access_key_id');
  const secretKey = of('aws_secret_access_key');
  return {
    keys:
      accessKey === null || secretKey === null
        ? null
        : { accessKey, secretKey, sessionToken: of('aws_session_token') },
    roleArn: of('role_arn'),
    externalId: of('external_id'),
    sourceProfile: of('source_profile'),
    tokenFile: of('web_identity_token_file'),
  };
}
