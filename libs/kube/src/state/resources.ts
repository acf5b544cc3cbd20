import { parseQuantity } from '../quantity.ts';
import { labelName } from './allowed-labels.ts';
import type { Pair, StateWriter } from './state-writer.ts';

/** Names of Kubernetes's own that are counted in bytes. */
const BYTES: ReadonlySet<string> = new Set(['memory', 'storage', 'ephemeral-storage']);

/** The unit a resource is counted in, or null for one that has no series. */
function unitOf(resource: string): string | null {
  if (resource === 'cpu') return 'core';
  if (resource === 'pods') return 'integer';
  if (BYTES.has(resource)) return 'byte';
  if (/^(hugepages-|attachable-volumes-)/.test(resource)) return 'byte';
  const isNative = !resource.includes('/') || resource.includes('kubernetes.io/');
  return isNative || resource.startsWith('requests.') ? null : 'integer';
}

/** One series for each resource of a list such as `limits`, with its unit. */
export function addResources(
  writer: StateWriter,
  name: string,
  list: ReadonlyMap<string, string>,
  ...labels: readonly Pair[]
): void {
  for (const [resource, quantity] of list) {
    const unit = unitOf(resource);
    if (unit === null) continue;
    writer.add(
      name,
      parseQuantity(quantity),
      ...labels,
      ['resource', labelName(resource)],
      ['unit', unit],
    );
  }
}
