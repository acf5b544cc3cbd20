import { describe, expect, it } from '@jest/globals';
import { readPodLogPath } from './index.ts';

const UID = '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0';
const ID = '0123456789abcdef'.repeat(4);

describe('the path of a container’s log', () => {
  it.each([
    `/var/log/pods/shop_web-1.a_${UID}/app/12.log`,
    `/host/logs/shop_web-1.a_${UID}/app/12.log`,
    `/var/log/pods/shop_web-1.a_${UID}/app/12.log.20260301-080000.gz`,
  ])('tells the pod: %s', (path) => {
    expect(readPodLogPath(path)).toEqual({
      namespace: 'shop',
      pod: 'web-1.a',
      podUid: UID,
      container: 'app',
      containerId: '',
      restart: 12,
    });
  });

  it('tells the container in links, whose names may have dashes and digits', () => {
    expect(readPodLogPath(`/var/log/containers/my.pod_ns-1_side-car-0-${ID}.log`)).toMatchObject({
      namespace: 'ns-1',
      pod: 'my.pod',
      container: 'side-car-0',
      containerId: ID,
    });
  });

  it('tells Docker’s container and nothing else', () => {
    expect(readPodLogPath(`/var/lib/docker/containers/${ID}/${ID}-json.log`)).toMatchObject({
      namespace: '',
      containerId: ID,
    });
  });

  it.each([
    '/var/log/app/0.log',
    '/var/log/pods/a.b_x_y/0.log',
    `/var/log/pods/a.b_web_${UID}/app/0.log`,
    `/var/log/pods/shop_web\n_${UID}/app/0.log`,
    `/var/log/pods/shop_${'x'.repeat(300)}_${UID}/app/0.log`,
    `/var/log/pods/shop_web_${UID}/${'a-'.repeat(40)}/0.log`,
    `/${'a'.repeat(5_000)}/shop_web_${UID}/app/0.log`,
    `/var/lib/docker/containers/${ID}/${ID.replace('0', '1')}-json.log`,
  ])('is no other path: %s', (path) => {
    expect(readPodLogPath(path)).toBeNull();
  });
});
