import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readCollectorConfig } from '../config/collector-config.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modules-'));
});

afterEach(() => rm(folder, { recursive: true }));

const BLACKBOX = `modules:
  http_2xx: {prober: http, timeout: 3s}
  banner: {prober: tcp, tcp: {query_response: [{expect: '^220 (.+)', send: 'EHLO \${1}'}]}}
`;

async function read(probes: string, files: Readonly<Record<string, string>>) {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const configFile = join(folder, 'collector.yml');
  await writeFile(configFile, `probes: ${probes}\n`);
  return readCollectorConfig({ configFile }, {});
}

describe('files of modules', () => {
  it('are blackbox_exporter’s as they are, and go before what is built in', async () => {
    const { probes, moduleFiles } = await read(
      '{module_files: [blackbox.yml], modules: {own: {prober: icmp}}, targets: [{name: mail, module: banner, target: "mx:25"}]}',
      { 'blackbox.yml': BLACKBOX },
    );
    expect(moduleFiles).toEqual([join(folder, 'blackbox.yml')]);
    expect(probes.modules.get('http_2xx')?.timeoutMs).toBe(3_000);
    expect(probes.probes[0]?.module).toMatchObject({
      kind: 'tcp',
      tcp: { steps: [{ send: 'EHLO ${1}' }] },
    });
    expect(probes.modules.has('own')).toBe(true);
    // What a file has is the operator's, and for annotations only where the operator says so.
    expect(probes.annotated.modules.has('http_2xx')).toBe(false);
    expect(probes.annotated.modules.has('tcp_connect')).toBe(true);
  });

  it.each([
    ['[a.yml]', {}, /a\.yml.*cannot be read: ENOENT/s],
    ['[a.yml]', { 'a.yml': 'modules: {x: {prober: smoke}}' }, /a\.yml:1.*modules\.x\.prober/s],
    ['[a.yml]', { 'a.yml': 'probes: {}' }, /unknown key "probes"; accepted are modules/],
    [
      '[a.yml, b.yml]',
      { 'a.yml': 'modules: {x: {prober: icmp}}', 'b.yml': 'modules: {x: {prober: http}}' },
      /b\.yml.*another file of module_files has it too/s,
    ],
    [
      '[a.yml], modules: {x: {prober: http}}',
      { 'a.yml': 'modules: {x: {prober: icmp}}' },
      /modules\.x.*a file of module_files has it too/s,
    ],
    ['7', {}, /module_files/],
  ])('%s with %j are refused', async (files, written, message) => {
    await expect(read(`{module_files: ${files}}`, written)).rejects.toThrow(message);
  });
});
