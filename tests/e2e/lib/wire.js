/* What goes over the wire, from the packages that clients use: for folders that have none installed. */
export { decode, encode } from '@msgpack/msgpack'
export { applyObjectDiff } from '@tldraw/sync-core'
