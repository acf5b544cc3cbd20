import { type AwsCredentials, signAwsRequest } from '#libs/aws-signature';
import { Secret } from '#libs/yaml-config';
import { DeliveryError } from '../delivery/delivery-error.ts';
import { type HttpAnswer, judgeHttpAnswer } from '../delivery/http-verdict.ts';
import type { HttpReceiver, ReceiverCall } from '../http/http-receiver.ts';
import type { MessageScope } from '../http/message-scope.ts';
import { byteLength, clipBytes, clipCharacters } from '../message/clip.ts';
import { withoutBreaks } from '../message/one-line.ts';
import { groupKeyHash } from './group-key-hash.ts';
import type { SettingsOf } from './settings-of.ts';

type Scope = MessageScope<SettingsOf<'sns'>>;

const MAX_MESSAGE_BYTES = 256 * 1024;
const MAX_SMS_BYTES = 1_600;
const MAX_SUBJECT = 99;
const FORM = 'application/x-www-form-urlencoded';
const SNS_VERSION = '2010-03-31';
const STS_VERSION = '2011-06-15';
const ROLE_SECONDS = 3_600;
const MARGIN_MS = 5 * 60_000;

/** Amazon SNS: a topic, a phone or a device. Requests are signed here. */
export const snsReceiver: HttpReceiver<SettingsOf<'sns'>> = {
  *converse(scope) {
    const fields = publishFields(scope);
    const region = regionOf(scope, fields.get('TopicArn') ?? fields.get('TargetArn') ?? '');
    const given = scope.expand(scope.settings.api_url, 'api_url');
    const address = URL.parse(given === '' ? `https://sns.${region}.amazonaws.com/` : given);
    if (address === null) throw new DeliveryError('misconfigured', '"api_url" is no URL');
    const credentials = yield* credentialsFor(scope, region);
    yield signed(address, fields, { region, service: 'sns', scope }, credentials);
  },
};

function publishFields(scope: Scope): URLSearchParams {
  const { settings } = scope;
  const topic = scope.text('topic_arn');
  const target = scope.text('target_arn');
  const phone = scope.text('phone_number');
  const isSms = phone !== '' && topic === '' && target === '';
  const full = scope.text('message');
  const message = clipBytes(full, isSms ? MAX_SMS_BYTES : MAX_MESSAGE_BYTES);
  const form = new URLSearchParams({ Action: 'Publish', Version: SNS_VERSION });
  form.set('Message', message === '' ? '(no details)' : message);
  if (topic !== '') form.set('TopicArn', topic);
  else if (target !== '') form.set('TargetArn', target);
  else form.set('PhoneNumber', scope.required(phone, 'phone_number'));
  const subject = toSubject(scope.text('subject'));
  if (subject !== '' && !isSms) form.set('Subject', subject);
  if (topic.endsWith('.fifo')) {
    form.set('MessageGroupId', groupKeyHash(scope.notification.groupKey));
    form.set('MessageDeduplicationId', scope.notification.id);
  }
  const attributes = settings.attributes.map(([name, template]): [string, string] => [
    scope.expand(name, 'attributes'),
    scope.expand(template ?? '', `attributes.${name}`),
  ]);
  if (byteLength(message) < byteLength(full)) attributes.push(['truncated', 'true']);
  for (const [i, [name, value]] of attributes.filter(([, text]) => text !== '').entries()) {
    const at = `MessageAttributes.entry.${i + 1}`;
    form.set(`${at}.Name`, name);
    form.set(`${at}.Value.DataType`, 'String');
    form.set(`${at}.Value.StringValue`, value);
  }
  return form;
}

/** SNS takes printable ASCII only, and mail programs get it as the subject. */
function toSubject(text: string): string {
  const plain = withoutBreaks(text).normalize('NFKD').replaceAll(/\p{M}/gu, '');
  return clipCharacters(plain.replaceAll(/[^ -~]/g, '?'), MAX_SUBJECT).replace('…', '');
}

function regionOf({ settings, environment }: Scope, arn: string): string {
  const fromHost = /\bsns[.-]([a-z]{2}(?:-[a-z]+)+-\d)\./.exec(settings.api_url)?.[1];
  const region =
    settings.region ??
    fromHost ??
    arn.split(':')[3] ??
    environment['AWS_REGION'] ??
    environment['AWS_DEFAULT_REGION'];
  if (region !== undefined && /^[a-z0-9-]+$/.test(region)) return region;
  throw new DeliveryError('misconfigured', 'the AWS region is not known; give sigv4.region');
}

/** The keys of the block or of the environment, exchanged for those of a role where one is asked for. */
function* credentialsFor(
  scope: Scope,
  region: string,
): Generator<ReceiverCall, AwsCredentials, HttpAnswer> {
  const { settings, environment, tokens, nowMs } = scope;
  const own: AwsCredentials = {
    accessKey: settings.access_key ?? environment['AWS_ACCESS_KEY_ID'] ?? '',
    secretKey: settings.secret_key?.reveal() ?? environment['AWS_SECRET_ACCESS_KEY'] ?? '',
    sessionToken: settings.access_key === null ? (environment['AWS_SESSION_TOKEN'] ?? null) : null,
  };
  if (own.accessKey === '' || own.secretKey === '') {
    throw new DeliveryError(
      'misconfigured',
      'there are no AWS keys, neither in sigv4 nor in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    );
  }
  if (settings.role_arn === null) return own;
  const key = JSON.stringify(['aws', settings.role_arn, own.accessKey]);
  const kept = tokens.get(key, nowMs);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what was put there below.
  if (kept !== null) return JSON.parse(kept.reveal()) as AwsCredentials;
  const form = new URLSearchParams({
    Action: 'AssumeRole',
    Version: STS_VERSION,
    RoleArn: settings.role_arn,
    RoleSessionName: 'binnacle',
    DurationSeconds: String(ROLE_SECONDS),
    ...(settings.external_id === null ? {} : { ExternalId: settings.external_id }),
  });
  const address = new URL(`https://sts.${region}.amazonaws.com/`);
  const answer = yield signed(address, form, { region, service: 'sts', scope }, own);
  const lent: AwsCredentials = {
    accessKey: elementOf(answer.body, 'AccessKeyId'),
    secretKey: elementOf(answer.body, 'SecretAccessKey'),
    sessionToken: elementOf(answer.body, 'SessionToken'),
  };
  const untilMs = nowMs + ROLE_SECONDS * 1_000 - MARGIN_MS;
  tokens.put(key, new Secret(JSON.stringify(lent)), untilMs);
  return lent;
}

function elementOf(xml: string, name: string): string {
  const text = new RegExp(`<${name}>([^<]+)</${name}>`).exec(xml)?.[1];
  if (text !== undefined) return text;
  throw new DeliveryError('server_error', 'the answer of AWS STS has no keys');
}

function signed(
  url: URL,
  form: URLSearchParams,
  { region, service, scope }: { region: string; service: string; scope: Scope },
  credentials: AwsCredentials,
): ReceiverCall {
  const body = form.toString();
  const { nowMs } = scope;
  return {
    url: url.href,
    headers: signAwsRequest({ url, body, contentType: FORM, region, service, nowMs }, credentials),
    body,
    wantsBody: service === 'sts',
    judge: judgeAws,
  };
}

/** AWS says with 400 that it is asked too often. */
function judgeAws(answer: HttpAnswer, nowMs: number): DeliveryError | null {
  const error = judgeHttpAnswer(answer, nowMs);
  if (answer.status === 400 && /Throttl|RequestLimitExceeded/.test(answer.body)) {
    return new DeliveryError('rate_limited', 'AWS is asked too often');
  }
  return error;
}
