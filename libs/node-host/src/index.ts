export { type NodeHostPaths, NodeHostSource } from './node-host-source.ts';
