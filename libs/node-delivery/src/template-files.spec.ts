import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import { MessageTemplates } from '#libs/notify';
import { loadTemplates } from './template-files.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'binnacle-templates-'));
  await mkdir(join(folder, 'more'));
});
afterEach(() => rm(folder, { recursive: true }));

const DATA = MessageTemplates.valueOf({
  receiver: 'ops',
  status: 'firing',
  alerts: [],
  reason: '',
  groupKey: '',
  groupLabels: Labels.EMPTY,
  commonLabels: Labels.EMPTY,
  commonAnnotations: Labels.EMPTY,
  externalUrl: '',
});

async function render(patterns: readonly string[], text: string): Promise<string | null> {
  const { templates } = await loadTemplates(patterns, folder);
  return templates.expand(text, DATA, { field: 'x', nowMs: 0 }, []);
}

describe('template files', () => {
  it('are found by patterns, the later ones in place of the earlier', async () => {
    await writeFile(join(folder, 'a.tmpl'), '{{ define "x" }}a{{ end }}{{ define "y" }}y{{ end }}');
    await writeFile(
      join(folder, 'more', 'b.tmpl'),
      '{{ define "x" }}b {{ .Status | toUpper }}{{ end }}',
    );
    const text = '{{ template "x" . }}{{ template "y" . }}';
    expect(await render(['*.tmpl', 'more/*.tmpl'], text)).toBe('b FIRINGy');
    expect(await render(['more/*.tmpl', join(folder, '*.tmpl')], text)).toBe('ay');
  });

  it('may be none', async () => {
    expect((await loadTemplates(['/nowhere/*.tmpl'], folder)).files).toEqual([]);
  });

  it('that do not parse are refused with their line', async () => {
    await writeFile(join(folder, 'bad.tmpl'), '{{ define "x" }}\n{{ nonsense }}{{ end }}');
    await expect(loadTemplates(['*.tmpl'], folder)).rejects.toThrow(
      /bad\.tmpl:2: function "nonsense" not defined/,
    );
  });
});
