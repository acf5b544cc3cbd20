import { BlockList, isIP } from 'node:net';
import type { ProxyConfig } from '#libs/dispatch';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy for a request, or null where it goes straight. Loopback addresses always do, as with Go's programs when the
 * environment decides.
 */
export function chooseProxy(
  url: URL,
  config: ProxyConfig,
  environment: Environment,
): string | null {
  if (config.kind === 'none') return null;
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (config.kind === 'url') {
    return isDirect(host, port, config.noProxy) ? null : config.url.reveal();
  }
  const isLoopback = host === 'localhost' || host === '::1' || host.startsWith('127.');
  const names =
    url.protocol === 'https:' ? ['HTTPS_PROXY', 'https_proxy'] : ['HTTP_PROXY', 'http_proxy'];
  const proxy = firstOf(environment, names);
  if (proxy === null || isLoopback) return null;
  return isDirect(host, port, firstOf(environment, ['NO_PROXY', 'no_proxy']) ?? '') ? null : proxy;
}

function firstOf(environment: Environment, names: readonly string[]): string | null {
  const name = names.find((each) => (environment[each] ?? '') !== '');
  return name === undefined ? null : environment[name]!;
}

/** Whether a list such as `example.com,.internal,10.0.0.0/8,host:8080` takes a host out. */
function isDirect(host: string, port: string, noProxy: string): boolean {
  return noProxy
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .some((entry) => entry !== '' && takesOut(entry, host, port));
}

function takesOut(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  const network = /^([0-9a-f.:]+)\/(\d{1,3})$/.exec(entry);
  if (network !== null) return isWithin(host, network[1]!, Number(network[2]));
  const withPort = /^\[?([^\]]+?)\]?:(\d+)$/.exec(entry);
  if (isIP(entry) === 0 && withPort !== null) {
    return withPort[2] === port && takesOut(withPort[1]!, host, port);
  }
  const name = entry.replace(/^\*/, '');
  if (isIP(host) !== 0) return host === name;
  return name.startsWith('.') ? host.endsWith(name) : host === name || host.endsWith(`.${name}`);
}

function isWithin(host: string, address: string, bits: number): boolean {
  const family = isIP(address);
  if (family === 0 || isIP(host) !== family || bits > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(address, bits, family === 4 ? 'ipv4' : 'ipv6');
  return list.check(host, family === 4 ? 'ipv4' : 'ipv6');
}
