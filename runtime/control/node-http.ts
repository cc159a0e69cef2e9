/**
 * Node's `http`, without what importing it as an ES module brings: that reads every export, of which `WebSocket` loads the whole of
 * undici, 25 ms of each process.
 */
export const { createServer, request } = process.getBuiltinModule("node:http");
