import { dashboard, type PlacedDashboard } from '../dashboard.ts';
import { rowLink, seriesLink } from '../links.ts';
import { NODE } from '../scopes.ts';
import { commitmentStats, type Level, usageRows } from './compute.ts';

/** A node by pod. */
export function nodePodsDashboard(): PlacedDashboard {
  const pod = { namespace: 'namespace', pod: 'pod' };
  const level: Level = {
    by: ['node', 'namespace', 'pod'],
    where: NODE,
    joins: 'nodes',
    rowLinks: {
      node: [rowLink('Node', 'nodes', { node: 'node' })],
      pod: [rowLink('Pod', 'pod', pod), rowLink('Logs', 'logs', pod)],
    },
    seriesLinks: [seriesLink('Pod', 'pod', pod), seriesLink('Logs', 'logs', pod)],
  };
  return dashboard('Kubernetes', {
    name: 'nodePods',
    title: 'Compute / Node, pods',
    description: 'Which pods use a node, and how much of it is promised?',
    variables: ['cluster', 'node'],
    subject: 'node',
    rows: [['Of what the node can give', commitmentStats(NODE)], ...usageRows(level)],
  });
}
