import { describe, expect, it } from '@jest/globals';
import { isNetwork, networkMatcher } from './networks.ts';

describe('isNetwork', () => {
  it.each([
    ['10.0.0.0/8', true],
    ['10.0.0.1', true],
    ['::/0', true],
    ['::1', true],
    ['loopback', true],
    ['private', true],
    ['metadata', true],
    ['10.0.0.0/33', false],
    ['fd00::/129', false],
    ['10.0.0.0/8/8', false],
    ['10.0.0.0/', false],
    ['10.0/8', false],
    ['__proto__', false],
    ['example.com', false],
    ['', false],
  ])('says of %j: %j', (text, expected) => {
    expect(isNetwork(text)).toBe(expected);
  });
});

describe('networkMatcher', () => {
  it.each([
    ['loopback', '127.8.8.8', true],
    ['loopback', '[::1]', true],
    ['loopback', '::ffff:127.0.0.1', true],
    ['loopback', '10.0.0.1', false],
    ['link-local', 'fe80::1%eth0', true],
    ['link-local', '169.254.169.254', true],
    ['private', '100.64.0.1', true],
    ['private', '1.1.1.1', false],
    ['metadata', '168.63.129.16', true],
    ['metadata', '[fd20:ce::254]', true],
    ['multicast', 'ff02::1', true],
    ['10.1.2.3', '10.1.2.3', true],
    ['10.1.2.3', '10.1.2.4', false],
    ['10.0.0.0/8', 'name', false],
  ])('has in %s the address %s: %j', (network, address, expected) => {
    expect(networkMatcher([network])(address)).toBe(expected);
  });
});
