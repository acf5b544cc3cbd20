import { describe, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import { alertOf, notificationOf } from '../../testing/notifications.ts';
import { toMessageData } from './message-data.ts';
import { MessageTemplates, type TemplateFault } from './message-templates.ts';

const templates = MessageTemplates.create();
const data = toMessageData(
  notificationOf([alertOf()], { groupLabels: Labels.fromRecord({ alertname: 'DiskFull' }) }),
  'http://me.example',
);

function render(labels: Readonly<Record<string, string>>) {
  const faults: TemplateFault[] = [];
  const texts = templates.routeLabels(new Map(Object.entries(labels)), data, 0, faults);
  return { texts: Object.fromEntries(texts ?? []), faults };
}

describe('labels of a route', () => {
  it('are texts that may be made of each other, whatever their order', () => {
    const { texts, faults } = render({
      description: '{{ .GroupLabels.alertname }} ({{ routeLabels "reason" }})',
      reason: 'full{{ routeLabels "nobody" }}',
    });
    expect(texts).toEqual({ description: 'DiskFull (full)', reason: 'full' });
    expect(faults).toEqual([]);
  });

  it('that are made of themselves are empty and a fault', () => {
    const { texts, faults } = render({
      a: 'a{{ routeLabels "b" }}',
      b: '{{ routeLabels "a" }}',
      c: 'c',
    });
    expect(texts).toEqual({ a: 'a', b: '', c: 'c' });
    expect(faults).toEqual([
      {
        field: 'label b of the route',
        message: expect.stringContaining('the label a is made of itself'),
      },
    ]);
  });

  it('can be asked for by a template, and stand in the data', () => {
    const routeLabels = new Map([['team', 'db']]);
    const value = MessageTemplates.valueOf({ ...data, routeLabels });
    const text = '{{ routeLabels "team" }} {{ .RouteLabels.team }}{{ routeLabels "x" }}';
    expect(templates.expand(text, value, { field: 'text', nowMs: 0 }, [])).toBe('db db');
    const bare = MessageTemplates.valueOf(data);
    expect(templates.expand(text, bare, { field: 'text', nowMs: 0 }, [])).toBe(' ');
  });
});
