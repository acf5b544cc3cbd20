import { z } from 'zod';
import { filled } from '../config-checks.ts';
import { duration, flag, list, maybe, secretText, text, textEntries } from '../yaml-values.ts';
import {
  apiUrl,
  calls,
  optionalText,
  readSecret,
  receiverBlock,
  required,
  requiredText,
  templates,
  webUrl,
} from './receiver-block.ts';
import { templatedValues } from './templated-value.ts';

/* Everything else that Alertmanager knows: webhooks, tickets, topics. */

export const webhookBlock = receiverBlock({
  kind: 'webhook',
  sendsResolved: true,
  defaults: {},
  fields: {
    url: maybe(secretText),
    url_file: maybe(text),
    max_alerts: maybe(z.int().min(0)),
    payload: templatedValues,
  },
  read: (raw, scope) => {
    const url = readSecret(raw, 'url', scope);
    if (url?.kind === 'inline' && !url.secret.reveal().includes('{{')) {
      webUrl(url.secret.reveal(), '', 'url', scope);
    }
    return {
      url: required(url, 'one of url and url_file is missing', scope),
      max_alerts: raw.max_alerts ?? 0,
      payload: raw.payload.length === 0 ? null : new Map(raw.payload),
    };
  },
});

/** A text, or a text that says whether it may be changed later on. */
function updatable(fallback: string) {
  const block = z.strictObject({
    template: text.nullish().transform((value) => value ?? fallback),
    enable_update: maybe(flag),
  });
  return z
    .union([text, block], {
      error: 'expected a template, or a mapping with template and enable_update',
    })
    .nullish()
    .transform((value) =>
      typeof value === 'object' && value !== null
        ? { template: value.template, isUpdated: value.enable_update ?? true }
        : { template: value ?? fallback, isUpdated: true },
    );
}

const jiraTemplates = { priority: calls('jira.default.priority') };
const jiraDefaults = {
  ...jiraTemplates,
  summary: calls('jira.default.summary'),
  description: calls('jira.default.description'),
};

export const jiraBlock = receiverBlock({
  kind: 'jira',
  sendsResolved: true,
  defaults: jiraDefaults,
  fields: {
    ...templates(jiraTemplates),
    api_url: maybe(text),
    api_type: maybe(
      z.enum(['auto', 'cloud', 'datacenter', ''], { error: 'expected auto, cloud or datacenter' }),
    ),
    project: maybe(text),
    summary: updatable(jiraDefaults.summary),
    description: updatable(jiraDefaults.description),
    labels: list(text),
    issue_type: maybe(text),
    resolve_transition: optionalText,
    reopen_transition: optionalText,
    wont_fix_resolution: optionalText,
    reopen_duration: maybe(duration),
    fields: templatedValues,
  },
  read: (raw, scope) => {
    const url = apiUrl(raw, 'jira_api_url', '', scope);
    if (url === '') {
      scope.complain(scope.path, '"api_url" is missing, and there is no global jira_api_url');
    }
    const type = filled(raw.api_type) ?? 'auto';
    return {
      ...raw,
      api_url: url,
      isCloud: type === 'cloud' || (type === 'auto' && isAtlassianCloud(url)),
      project: requiredText(raw.project, 'project', scope),
      issue_type: requiredText(raw.issue_type, 'issue_type', scope),
      reopenWithinMs: raw.reopen_duration ?? 0,
      fields: new Map(raw.fields),
    };
  },
});

function isAtlassianCloud(url: string): boolean {
  return URL.parse(url)?.hostname.endsWith('.atlassian.net') ?? false;
}

const snsDefaults = {
  subject: calls('sns.default.subject'),
  message: calls('sns.default.message'),
};

export const snsBlock = receiverBlock({
  kind: 'sns',
  sendsResolved: true,
  defaults: snsDefaults,
  fields: {
    ...templates(snsDefaults),
    api_url: optionalText,
    topic_arn: optionalText,
    target_arn: optionalText,
    phone_number: optionalText,
    attributes: textEntries,
    sigv4: maybe(
      z.strictObject({
        region: maybe(text),
        access_key: maybe(text),
        secret_key: maybe(secretText),
        profile: maybe(text),
        role_arn: maybe(text),
        external_id: maybe(text),
        use_fips_sts_endpoint: maybe(flag),
      }),
    ),
  },
  read: (raw, scope) => {
    const { path, complain } = scope;
    if (raw.topic_arn === '' && raw.target_arn === '' && raw.phone_number === '') {
      complain(path, 'one of topic_arn, target_arn and phone_number is missing');
    }
    if (raw.api_url !== '' && !raw.api_url.includes('{{')) {
      webUrl(raw.api_url, '', 'api_url', scope);
    }
    const { sigv4 } = raw;
    const accessKey = filled(sigv4?.access_key);
    const hasSecret = sigv4 !== null && sigv4.secret_key !== null && !sigv4.secret_key.isEmpty;
    if ((accessKey === null) === hasSecret) {
      complain([...path, 'sigv4'], 'access_key and secret_key are needed together');
    }
    if (filled(sigv4?.profile) !== null) {
      complain(
        [...path, 'sigv4', 'profile'],
        'is not supported here; give access_key and secret_key, a role_arn, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
      );
    }
    return {
      ...raw,
      region: filled(sigv4?.region),
      access_key: accessKey,
      secret_key: hasSecret ? ({ kind: 'inline', secret: sigv4.secret_key! } as const) : null,
      role_arn: filled(sigv4?.role_arn),
      external_id: filled(sigv4?.external_id),
    };
  },
});
