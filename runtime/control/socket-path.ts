import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Longest path of a Unix socket on the systems that Weir runs on, less a margin. */
const MAX_SOCKET_PATH = 100;

/** Where the process that runs a data directory listens. It follows from the directory's own path: a copy has another. */
export function socketPath(dataDir: string): string {
  const near = join(dataDir, "control.sock");
  if (near.length <= MAX_SOCKET_PATH) return near;
  return join(tmpdir(), `weir-${createHash("sha256").update(dataDir).digest("hex").slice(0, 16)}.sock`);
}
