import { describe, expect, it } from '@jest/globals';
import { AddressPolicy, DEFAULT_DENIED_NETWORKS } from './address-policy.ts';

describe('AddressPolicy', () => {
  const byDefault = new AddressPolicy({ denied: DEFAULT_DENIED_NETWORKS, allowed: [] });
  const strict = new AddressPolicy({
    denied: ['private', 'loopback', 'link-local', '203.0.113.7'],
    allowed: ['10.1.0.0/16', 'fd00:1::/32'],
  });

  it.each([
    ['169.254.169.254', false, false],
    ['::ffff:169.254.169.254', false, false],
    ['fe80::1%eth0', false, false],
    ['168.63.129.16', false, true],
    ['fd20:ce::254', false, false],
    ['10.2.0.1', true, false],
    ['10.1.2.3', true, true],
    ['::ffff:10.2.0.1', true, false],
    ['192.168.1.1', true, false],
    ['127.0.0.1', true, false],
    ['::1', true, false],
    ['fd00:2::1', true, false],
    ['fd00:1::1', true, true],
    ['203.0.113.7', true, false],
    ['203.0.113.8', true, true],
    ['2001:db8::1', true, true],
  ])('%s: by default %j, strictly %j', (address, normal, careful) => {
    expect([byDefault.allows(address), strict.allows(address)]).toEqual([normal, careful]);
  });

  it('refuses what is no address', () => {
    expect([byDefault.allows(undefined), byDefault.allows('name')]).toEqual([false, false]);
  });
});
