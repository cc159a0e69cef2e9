/** Smaller ones are not worth it, and may be parts of Node's pool, which cannot be given back. */
const LARGE_BYTES = 128 * 1024;

/**
 * Gives the memory of a buffer back at once. The collector does not hurry with what has grown old: it lets each thread have
 * some 64 MB of buffers that nobody uses. Only for who has the last use of all of it: every view is empty afterwards.
 */
export function letGo(buffer: ArrayBufferLike): void {
  if (buffer instanceof ArrayBuffer && !buffer.detached && buffer.byteLength >= LARGE_BYTES)
    buffer.transfer(0);
}
