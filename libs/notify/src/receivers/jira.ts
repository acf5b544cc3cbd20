import type { TemplatedValue } from '#libs/dispatch';
import { DeliveryError } from '../delivery/delivery-error.ts';
import { type HttpReceiver, jsonBody, type ReceiverCall } from '../http/http-receiver.ts';
import { memberOf, readJsonObject, textOf } from '../http/json-answer.ts';
import type { MessageScope } from '../http/message-scope.ts';
import { clipCharacters } from '../message/clip.ts';
import { toOneLine, withoutBreaks } from '../message/one-line.ts';
import { groupKeyHash } from './group-key-hash.ts';
import { joinUrl } from './join-url.ts';
import type { SettingsOf } from './settings-of.ts';

type Scope = MessageScope<SettingsOf<'jira'>>;

const MAX_SUMMARY = 255;
const MAX_DESCRIPTION = 32_767;

interface Issue {
  readonly key: string;
  readonly isDone: boolean;
}

/** Jira: one issue per group, found again by a label; opened, changed, closed and reopened. */
export const jiraReceiver: HttpReceiver<SettingsOf<'jira'>> = {
  *converse(scope) {
    const { settings, isFiring } = scope;
    const marker = `ALERT{${groupKeyHash(scope.notification.groupKey)}}`;
    const project = scope.required(settings.project, 'project');
    const answer = yield call(scope, 'POST', settings.isCloud ? 'search/jql' : 'search', {
      jql: searchText(scope, project, marker),
      maxResults: 2,
      fields: ['status'],
    });
    const issue = firstIssue(answer.body);
    if (issue === null) {
      if (!isFiring) return;
      const fields = { ...newFields(scope, project), ...changingFields(scope, marker, true) };
      yield call(scope, 'POST', 'issue', { fields });
      return;
    }
    const at = `issue/${encodeURIComponent(issue.key)}`;
    yield call(scope, 'PUT', at, { fields: changingFields(scope, marker, false) });
    const wanted = isFiring ? settings.reopen_transition : settings.resolve_transition;
    if (wanted === '' || issue.isDone !== isFiring) return;
    const list = yield {
      ...call(scope, 'GET', `${at}/transitions`, null),
      wantsBody: true,
    };
    const id = transitionId(list.body, wanted);
    yield call(scope, 'POST', `${at}/transitions`, { transition: { id } });
  },
};

function call(
  scope: Scope,
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  body: object | null,
): ReceiverCall {
  const { headers = [], ...rest } = body === null ? {} : jsonBody(body);
  return {
    method,
    url: joinUrl(scope.settings.api_url, path),
    ...rest,
    // Names of transitions and errors are those of this language.
    headers: [...headers, ['Accept-Language', 'en']],
    wantsBody: path.startsWith('search'),
  };
}

function searchText(scope: Scope, project: string, marker: string): string {
  const {
    reopen_transition: reopen,
    reopenWithinMs,
    wont_fix_resolution: wontFix,
  } = scope.settings;
  const conditions: string[] = [];
  if (wontFix !== '') conditions.push(`resolution != ${quoted(wontFix)}`);
  if (reopen === '') conditions.push('statusCategory != Done');
  else if (reopenWithinMs > 0) {
    const minutes = Math.floor(reopenWithinMs / 60_000);
    conditions.push(`(resolutiondate is EMPTY OR resolutiondate >= -${minutes}m)`);
  }
  conditions.push(`project=${quoted(project)}`, `labels=${quoted(marker)}`);
  return `${conditions.join(' and ')} order by status ASC,resolutiondate DESC`;
}

function quoted(text: string): string {
  return `"${toOneLine(text).replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

function firstIssue(body: string): Issue | null {
  const { issues } = readJsonObject(body);
  const first: unknown = Array.isArray(issues) ? issues[0] : undefined;
  if (typeof first !== 'object' || first === null || !('key' in first)) return null;
  const key = textOf(first.key);
  if (key === '') return null;
  const fields = 'fields' in first ? first.fields : undefined;
  const category = memberOf(memberOf(memberOf(fields, 'status'), 'statusCategory'), 'key');
  return { key, isDone: category === 'done' };
}

/** @throws DeliveryError where there is no such transition from where the issue is */
function transitionId(body: string, name: string): string {
  const { transitions } = readJsonObject(body);
  const list: readonly unknown[] = Array.isArray(transitions) ? transitions : [];
  const found = list.find((each) => memberOf(each, 'name') === name);
  const id = textOf(memberOf(found, 'id'));
  if (id !== '') return id;
  throw new DeliveryError('rejected', `Jira offers no transition "${toOneLine(name)}" here`);
}

function newFields(scope: Scope, project: string): object {
  return {
    project: { key: project },
    issuetype: { name: scope.required(scope.settings.issue_type, 'issue_type') },
  };
}

function changingFields(scope: Scope, marker: string, isNew: boolean): object {
  const { settings } = scope;
  const fields: Record<string, unknown> = {};
  if (isNew || settings.summary.isUpdated) {
    const summary = scope.expand(settings.summary.template, 'summary');
    fields['summary'] = clipCharacters(withoutBreaks(summary), MAX_SUMMARY);
  }
  if (isNew || settings.description.isUpdated) {
    const text = scope.expand(settings.description.template, 'description');
    const description = descriptionOf(clipCharacters(text, MAX_DESCRIPTION), settings.api_url);
    if (description !== '') fields['description'] = description;
  }
  const labels = settings.labels
    .map((template, i) => scope.expand(template, `labels[${i}]`).trim().replaceAll(/\s+/g, '_'))
    .filter((label) => label !== '');
  fields['labels'] = [...new Set([marker, ...labels])].toSorted();
  const priority = scope.text('priority');
  if (priority !== '') fields['priority'] = { name: priority };
  for (const [name, value] of settings.fields) {
    fields[name] = scope.expandValue(value satisfies TemplatedValue, `fields.${name}`);
  }
  return fields;
}

/** Version 3 of the API wants documents (ADF): one that the template wrote, or its text as one paragraph. */
function descriptionOf(text: string, apiUrl: string): unknown {
  if (!/\/rest\/api\/3\/?$/.test(apiUrl) || text === '') return text;
  const document = readJsonObject(text);
  if (document['type'] === 'doc') return document;
  const lines: object[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    if (i > 0) lines.push({ type: 'hardBreak' });
    if (line !== '') lines.push({ type: 'text', text: line });
  }
  return { type: 'doc', version: 1, content: [{ type: 'paragraph', content: lines }] };
}
