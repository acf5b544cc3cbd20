import { parseRfc3339Ms } from '#libs/calendar';
import type { AwsCredentials } from './aws-signature.ts';

/** Keys that are good for a while. */
export interface LentCredentials {
  readonly keys: AwsCredentials;
  /** Null where nobody said how long. */
  readonly untilMs: number | null;
}

/** An answer of AWS that has no keys in it. */
export class AwsAnswerError extends Error {
  override readonly name = 'AwsAnswerError';
}

/** The keys in an answer of STS to `AssumeRole` or `AssumeRoleWithWebIdentity`. @throws AwsAnswerError */
export function readStsAnswer(xml: string): LentCredentials {
  const accessKey = elementOf(xml, 'AccessKeyId');
  const secretKey = elementOf(xml, 'SecretAccessKey');
  const sessionToken = elementOf(xml, 'SessionToken');
  if (accessKey === null || secretKey === null || sessionToken === null) {
    throw new AwsAnswerError('the answer of AWS STS has no keys');
  }
  const until = elementOf(xml, 'Expiration');
  return {
    keys: { accessKey, secretKey, sessionToken },
    untilMs: until === null ? null : parseRfc3339Ms(until),
  };
}

/** Why STS refuses: its code and message; null where it says neither. */
export function readStsError(xml: string): string | null {
  const parts = [elementOf(xml, 'Code'), elementOf(xml, 'Message')].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.join(': ').slice(0, 300);
}

/** The keys that an agent beside a container gives out (EKS Pod Identity, ECS). @throws AwsAnswerError */
export function readContainerAnswer(json: string): LentCredentials {
  const answer = parsed(json);
  const accessKey = answer['AccessKeyId'];
  const secretKey = answer['SecretAccessKey'];
  const token = answer['Token'];
  const until = answer['Expiration'];
  if (typeof accessKey !== 'string' || typeof secretKey !== 'string') {
    throw new AwsAnswerError('the answer of the container’s agent has no keys');
  }
  return {
    keys: { accessKey, secretKey, sessionToken: typeof token === 'string' ? token : null },
    untilMs: typeof until === 'string' ? parseRfc3339Ms(until) : null,
  };
}

function parsed(json: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(json);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each of its values is looked at.
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new AwsAnswerError('the answer of the container’s agent is no JSON object');
}

function elementOf(xml: string, name: string): string | null {
  const text = new RegExp(`<${name}>([^<]+)</${name}>`).exec(xml)?.[1];
  return text === undefined ? null : text.trim().replaceAll('&amp;', '&');
}
