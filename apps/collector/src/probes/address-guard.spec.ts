import { describe, expect, it } from '@jest/globals';
import { addressGuard } from './address-guard.ts';

const asked = (ip: string, port = 80, allowed: readonly string[] = []) =>
  addressGuard(allowed)({ ip, family: ip.includes(':') ? 6 : 4 }, port);

describe('the guard of discovered probes', () => {
  it.each([
    '127.0.0.1',
    '127.8.8.8',
    '0.0.0.0',
    '169.254.169.254',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    '::',
    '::ffff:127.0.0.1',
    '::ffff:169.254.169.254',
    '::ffff:7f00:1',
    '64:ff9b::a9fe:a9fe',
    '2002:7f00:1::1',
    '100.100.100.200',
    '168.63.129.16',
    'fd00:ec2::23',
    'fe80::1%eth0',
    'fd00:ec2::254',
    'ff02::1',
  ])('refuses %s', (ip) => {
    expect(asked(ip)).toMatch(/must not go to/);
  });

  it.each(['10.0.0.1', '192.168.1.1', '100.64.0.1', '1.1.1.1', 'fd00::1', '2001:db8::1'])(
    'lets %s be probed, but not at the ports of a kubelet',
    (ip) => {
      expect(asked(ip)).toBeNull();
      for (const port of [10_248, 10_250, 10_255]) expect(asked(ip, port)).toMatch(/kubelet's/);
    },
  );

  it('knows exceptions, which open no port of a kubelet', () => {
    expect(asked('127.0.0.1', 80, ['loopback'])).toBeNull();
    expect(asked('169.254.10.1', 80, ['169.254.10.0/24'])).toBeNull();
    expect(asked('169.254.169.254', 80, ['169.254.10.0/24'])).not.toBeNull();
    expect(asked('127.0.0.1', 10_250, ['loopback'])).toMatch(/kubelet's/);
  });
});
