import { describe, expect, it } from '@jest/globals';
import { parseListenAddress, parseRunOptions, UsageError } from './run-options.ts';

const defaults = { app: 'engine', dataDir: './var/engine', port: 9370 };

describe('parseRunOptions', () => {
  it('runs on its defaults, on loopback', () => {
    expect(parseRunOptions([], {}, defaults)).toEqual({
      configFile: null,
      dataDir: './var/engine',
      listen: { host: '127.0.0.1', port: 9370 },
      logLevel: 'info',
    });
  });
  it('takes flags before the environment, and the environment before the defaults', () => {
    const env = { BINNACLE_CONFIG: 'e.yml', BINNACLE_DATA: '/e', BINNACLE_LOG_LEVEL: 'warn' };
    expect(parseRunOptions(['--config', 'f.yml', '--listen', '0.0.0.0:1'], env, defaults)).toEqual({
      configFile: 'f.yml',
      dataDir: '/e',
      listen: { host: '0.0.0.0', port: 1 },
      logLevel: 'warn',
    });
  });
  it('takes any number of configuration files, the first of which says where paths start', () => {
    const args = ['--config', '/etc/c.yml', '--config=/etc/c-*.yml', '--config', 'd.yml'];
    expect(parseRunOptions(args, { BINNACLE_CONFIG: 'e.yml' }, defaults)).toMatchObject({
      configFile: '/etc/c.yml',
      moreConfigFiles: ['/etc/c-*.yml', 'd.yml'],
    });
  });
  it.each([
    [['--config', '/etc/*/c.yml']],
    [['--nope']],
    [['extra']],
    [['--listen', 'x']],
    [['--log-level', 'loud']],
    [['--config']],
  ])('refuses %j and shows the usage or what is accepted', (args) => {
    expect(() => parseRunOptions(args, {}, defaults)).toThrow(UsageError);
  });
});

describe('parseListenAddress', () => {
  it.each([
    ['127.0.0.1:9370', '127.0.0.1', 9370],
    [':80', '0.0.0.0', 80],
    ['[::1]:443', '::1', 443],
    ['localhost:0', 'localhost', 0],
  ])('reads %s', (text, host, port) => {
    expect(parseListenAddress(text)).toEqual({ host, port });
  });
  it.each(['9370', 'host', 'host:', 'host:70000', '::1:80', 'a:b:1'])('refuses %s', (text) => {
    expect(() => parseListenAddress(text)).toThrow(UsageError);
  });
});
