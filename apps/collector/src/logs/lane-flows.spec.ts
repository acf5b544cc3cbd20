import { describe, expect, it } from '@jest/globals';
import { LaneFlows } from './lane-flows.ts';

const pathOf = (container: string, file: string): string =>
  `/var/log/pods/shop_web-1_5c0ff0e6-0f5e-4f5c-9d8e-0c1d2e3f4a5b/${container}/${file}`;
const KEEP_MS = 15 * 60_000;

describe('the bytes of a lane', () => {
  it('are counted by container, whatever its files are called', () => {
    const flows = new LaneFlows();
    flows.of('pods', pathOf('main', '0.log')).seenBytes += 5;
    flows.of('pods', pathOf('main', '1.log')).seenBytes += 2;
    flows.of('pods', pathOf('sidecar', '0.log')).shippedBytes += 1;
    flows.of('hosts', '/var/log/syslog').lostBytes += 3;
    flows.of('hosts', '/var/log/messages').lostBytes += 4;
    const own = { namespace: 'shop', pod: 'web-1' };
    expect(flows.list([], 0)).toMatchObject([
      { group: 'pods', identity: { ...own, container: 'main' }, flow: { seenBytes: 7 } },
      { group: 'pods', identity: { ...own, container: 'sidecar' }, flow: { shippedBytes: 1 } },
      { group: 'hosts', identity: { namespace: '', pod: '' }, flow: { lostBytes: 7 } },
    ]);
  });

  it('are told until nothing has come for a while and no file is open', () => {
    const flows = new LaneFlows();
    const file = { group: 'pods', path: pathOf('main', '0.log') };
    flows.of(file.group, file.path).seenBytes += 5;
    expect(flows.list([], 0)).toHaveLength(1);
    expect(flows.list([], KEEP_MS - 1)).toHaveLength(1);
    expect(flows.list([file], KEEP_MS)).toHaveLength(1);
    expect(flows.list([], 2 * KEEP_MS - 1)).toHaveLength(1);
    expect(flows.list([], 2 * KEEP_MS)).toEqual([]);
  });

  it('of too many containers are counted together', () => {
    const flows = new LaneFlows();
    for (let i = 0; i < 10_010; i++) flows.of('pods', pathOf(`c${i}`, '0.log')).seenBytes += 1;
    const list = flows.list([], 0);
    expect(list).toHaveLength(10_001);
    expect(list.at(-1)).toMatchObject({ identity: { pod: '' }, flow: { seenBytes: 10 } });
  });
});
