/** Smaller ones are not worth it, and may be parts of Node's pool. */
const LARGE_BYTES = 1024 * 1024;

/**
 * Gives the memory of a large buffer back at once. The collector does not hurry with what has grown old, however large it is:
 * of buffers of tens of megabytes several would lie about. Only for who made it and has its last use: every view of it is
 * empty afterwards.
 */
export function letGo(buffer: ArrayBufferLike): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= LARGE_BYTES) buffer.transfer(0);
}
