import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { NodeHostSource } from './index.ts';

describe('a host whose trees are mounted somewhere', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'node-host-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  function source(): NodeHostSource {
    return new NodeHostSource({
      proc: join(folder, 'proc'),
      sys: join(folder, 'sys'),
      root: folder,
      nodeName: 'node-1',
    });
  }

  it('is read from there, its network being that of process 1', () => {
    mkdirSync(join(folder, 'proc/1/net'), { recursive: true });
    writeFileSync(join(folder, 'proc/loadavg'), 'load\n');
    writeFileSync(join(folder, 'proc/1/net/dev'), 'devices\n');
    writeFileSync(join(folder, 'release'), 'x'.repeat(200_000));
    const host = source();
    expect(host.readText('proc/loadavg')).toBe('load\n');
    expect(host.readText('net/dev')).toBe('devices\n');
    expect(host.readText('root/release')).toHaveLength(200_000);
    expect(host.listNames('proc')).toEqual(['1', 'loadavg']);
  });

  it('says why a file has no text', () => {
    mkdirSync(join(folder, 'proc/folder'), { recursive: true });
    writeFileSync(join(folder, 'proc/big'), Buffer.alloc(17 * 1024 * 1024));
    const host = source();
    expect(() => host.readText('proc/none')).toThrow('proc/none: missing');
    expect(() => host.readText('proc/folder')).toThrow('proc/folder: unreadable');
    expect(() => host.readText('proc/big')).toThrow('proc/big: too_large');
    expect(() => host.listNames('sys/class')).toThrow('sys/class: missing');
    expect(() => host.readText('elsewhere/x')).toThrow('elsewhere/x: missing');
  });

  it('tells the size of a filesystem, and that there is none', async () => {
    const stats = await source().statfs('/');
    expect(stats.blocks * stats.blockSizeBytes).toBeGreaterThan(0);
    expect(stats.freeBlocks).toBeGreaterThanOrEqual(stats.availableBlocks);
    await expect(source().statfs('/none')).rejects.toThrow('/none: missing');
  });

  it('knows page size, machine and zone', () => {
    const { machine, nodeName, pageSizeBytes, timeZone } = source().facts(0);
    expect(machine).not.toBe('');
    expect(nodeName).toBe('node-1');
    expect([4096, 16_384, 65_536]).toContain(pageSizeBytes);
    expect(timeZone.name).not.toBe('');
    expect(Object.is(timeZone.offsetSeconds, -0)).toBe(false);
  });
});
