import { IDENTIFIER_RULE, isIdentifier } from '../../identifiers.ts';
import type { Rule } from '../context.ts';
import { quoted } from '../problems.ts';

/** Names and hosts of nodes. A host has one server, so it serves one node. */
export const nodesRule: Rule = function* ({ spec: { nodes } }) {
  const names = new Set<string>();
  const nodeOfHost = new Map<string, string>();
  for (const [i, node] of nodes.entries()) {
    if (names.has(node.name)) yield { path: `nodes[${i}]`, message: 'node names must be unique within a database' };
    names.add(node.name);

    const hostsOfNode = new Set<string>();
    for (const [j, hostId] of node.host_ids.entries()) {
      const path = `nodes[${i}].host_ids[${j}]`;
      const other = nodeOfHost.get(hostId);
      if (!isIdentifier(hostId)) yield { path, message: IDENTIFIER_RULE };
      if (hostsOfNode.has(hostId)) {
        yield { path, message: 'host IDs must be unique within a node' };
      } else if (other !== undefined) {
        yield { path, message: `the server of this host already belongs to node ${quoted(other)}` };
      }
      hostsOfNode.add(hostId);
      nodeOfHost.set(hostId, node.name);
    }
  }
};
