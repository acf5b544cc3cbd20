import { describe, expect, it } from '@jest/globals';
import { LEASE_TIMES, type LeaseBody, LeaseElection } from './lease-election.ts';
import { type Lease, lease } from './objects/cluster.ts';

const DURATION = LEASE_TIMES.leaseDurationMs;

/** The server's side: one lease and its version. */
class LeaseServer {
  #version = 0;
  #body: LeaseBody | null = null;

  read(): Lease | null {
    if (this.#body === null) return null;
    const metadata = {
      ...(this.#body['metadata'] as object),
      resourceVersion: String(this.#version),
    };
    return lease({ ...this.#body, metadata });
  }

  position(): string | undefined {
    return this.read()?.metadata.annotations.get('binnacle.dev/events-resource-version');
  }

  write(body: LeaseBody): Lease | null {
    const { resourceVersion } = body['metadata'] as { resourceVersion?: string };
    if ((resourceVersion ?? '') !== (this.#body === null ? '' : String(this.#version))) return null;
    this.#body = body;
    this.#version++;
    return this.read();
  }
}

const candidate = (identity: string, position = () => '') =>
  new LeaseElection({
    identity,
    namespace: 'binnacle',
    name: 'cluster',
    ...LEASE_TIMES,
    position,
  });

function turn(election: LeaseElection, server: LeaseServer, nowMs: number): void {
  const step = election.decide(server.read(), nowMs);
  if (step.kind === 'follow') return;
  const written = server.write(step.body);
  if (written === null) election.lost();
  else election.written(written, nowMs);
}

describe('LeaseElection', () => {
  it('gives the lease to the first, and the others follow', () => {
    const server = new LeaseServer();
    const [a, b] = [candidate('a'), candidate('b')];
    turn(a, server, 1_000);
    turn(b, server, 1_000);
    expect([a.leads(1_000), b.leads(1_000)]).toEqual([true, false]);
    expect(b.holder).toBe('a');
  });

  it('tells the next one how far the last one has come, whether that one said goodbye or not', () => {
    const server = new LeaseServer();
    const come = { a: '', b: '' };
    const [a, b] = [candidate('a', () => come.a), candidate('b', () => come.b)];
    turn(a, server, 0);
    come.a = '7';
    turn(a, server, 1_000);
    // Not written any more: a is gone.
    come.a = '9';
    turn(b, server, 1_500);
    turn(b, server, 1_500 + DURATION);
    expect([b.leads(1_500 + DURATION), b.handedOver]).toEqual([true, '7']);
    // Until b has something to tell, what it was told stays.
    expect(server.position()).toBe('7');
    come.b = '12';
    turn(b, server, 2_000 + DURATION);
    come.b = '13';
    server.write(b.release(server.read()!, 2_500 + DURATION));
    turn(a, server, 3_000 + DURATION);
    expect([a.leads(3_000 + DURATION), a.handedOver]).toEqual([true, '13']);
    // Nobody was between this term and its next: it knows best itself.
    come.a = '20';
    a.ceased();
    expect(a.handedOver).toBe('20');
    come.a = '';
    turn(a, server, 3_500 + DURATION);
    expect(server.position()).toBeUndefined();
  });

  it('leaves what others have written on the lease', () => {
    const server = new LeaseServer();
    const a = candidate('a');
    turn(a, server, 0);
    const read = server.read()!;
    const named = { labels: { team: 'a' }, annotations: { note: 'b' } };
    server.write({ ...a.release(read, 500), metadata: { ...read.metadata, ...named } });
    turn(a, server, 1_000);
    expect(server.read()!.metadata).toMatchObject({
      labels: new Map([['team', 'a']]),
      annotations: new Map([['note', 'b']]),
    });
  });

  it('passes on when the holder says nothing, and never leads twice', () => {
    const server = new LeaseServer();
    const [a, b] = [candidate('a'), candidate('b')];
    turn(a, server, 0);
    let leaderOfBoth = 0;
    for (let nowMs = 0; nowMs <= DURATION; nowMs += 500) {
      turn(b, server, nowMs);
      if (a.leads(nowMs) && b.leads(nowMs)) leaderOfBoth++;
    }
    expect(leaderOfBoth).toBe(0);
    expect([a.leads(DURATION), b.leads(DURATION)]).toEqual([false, true]);
    expect(server.read()?.spec.leaseTransitions).toBe(1);
    turn(a, server, DURATION + 500);
    expect(a.leads(DURATION + 500)).toBe(false);
  });

  it('stays with a holder that renews', () => {
    const server = new LeaseServer();
    const [a, b] = [candidate('a'), candidate('b')];
    for (let nowMs = 0; nowMs <= 10 * DURATION; nowMs += 2_000) {
      turn(a, server, nowMs);
      turn(b, server, nowMs + 1_000);
    }
    expect(a.leads(10 * DURATION)).toBe(true);
    expect(server.read()?.spec).toMatchObject({ holderIdentity: 'a', leaseTransitions: 0 });
  });

  it('leads no more when somebody else has written in between', () => {
    const server = new LeaseServer();
    const [a, b] = [candidate('a'), candidate('b')];
    const stepA = a.decide(server.read(), 0);
    turn(b, server, 0);
    if (stepA.kind === 'follow') throw new Error('nobody to follow');
    expect(server.write(stepA.body)).toBeNull();
    a.lost();
    expect([a.leads(0), b.leads(0)]).toEqual([false, true]);
  });

  it('is taken over at once when it was given back', () => {
    const server = new LeaseServer();
    const [a, b] = [candidate('a'), candidate('b')];
    turn(a, server, 0);
    turn(b, server, 100);
    server.write(a.release(server.read()!, 200));
    turn(b, server, 300);
    expect([a.leads(300), b.leads(300)]).toEqual([false, true]);
  });

  it('writes times as the API takes them', () => {
    const step = candidate('a').decide(null, Date.parse('2026-03-01T08:00:00.042Z'));
    expect(step).toMatchObject({
      kind: 'create',
      body: {
        metadata: { name: 'cluster', namespace: 'binnacle' },
        spec: { renewTime: '2026-03-01T08:00:00.042000Z', leaseDurationSeconds: 15 },
      },
    });
  });
});
