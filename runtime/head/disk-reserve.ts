import { statfsSync } from "node:fs";

/** Free bytes below which nothing is appended: what moves history to the store and deletes it here needs pages too. */
export const DISK_RESERVE_BYTES = 256 * 1024 * 1024;
/** How long one look at the disk is believed, ms. A second's appends fit into the reserve. */
const LOOK_EVERY_MS = 500;

export type DiskReserve = () => Error | undefined;

/** Tells why nothing may be appended now, or undefined. */
export function diskReserve(directory: string, reserve = DISK_RESERVE_BYTES): DiskReserve {
  let lookedAt = Number.NEGATIVE_INFINITY;
  let refusal: Error | undefined;
  return () => {
    const now = performance.now();
    if (now - lookedAt < LOOK_EVERY_MS) return refusal;
    lookedAt = now;
    const { bavail, bsize } = statfsSync(directory);
    refusal = bavail * bsize < reserve ? new DiskReserveError(directory, reserve) : undefined;
    return refusal;
  };
}

export class DiskReserveError extends Error {
  override readonly name = "DiskReserveError";

  constructor(directory: string, reserve: number) {
    super(
      `The disk of ${directory} has less than ${Math.round(reserve / 1_000_000)} MB left, which the head keeps free for moving history to the store. Nothing is taken in until there is room.`,
    );
  }
}
