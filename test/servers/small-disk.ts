import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MISSING =
  'These tests need a small disk of their own, which is a tmpfs in a mount namespace: Linux, with "unshare" (util-linux), as root or with user namespaces allowed (sysctl kernel.unprivileged_userns_clone=1).';

/** A file system of its own, small enough to be filled. */
export interface SmallDisk {
  /** A directory on it. */
  readonly path: string;
  free(): number;
  /** Writes a file until so many bytes are free: 0 fills it to the last page. */
  fill(leave?: number): void;
  /** Takes the filling away. */
  clear(): void;
  close(): Promise<void>;
}

/**
 * A tmpfs of this size. It is mounted in the namespace of a process that does nothing else, and reached through
 * `/proc/<pid>/root`: so it needs no right to mount on this machine, and is gone with the process, however that ends.
 */
export async function startSmallDisk(bytes: number): Promise<SmallDisk> {
  const mountPoint = mkdtempSync(join(tmpdir(), "weir-disk-"));
  const flags = process.getuid?.() === 0 ? "-m" : "-rm";
  const script = 'mount -t tmpfs -o "size=$2" tmpfs "$1" && echo $$ && read -r word';
  const holder = spawn("unshare", [flags, "sh", "-c", script, "sh", mountPoint, String(bytes)], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  const said = { out: "", error: "" };
  holder.stderr.on("data", (part: Buffer) => {
    said.error += part.toString();
  });
  const mounted = new Promise<number>((resolve, reject) => {
    holder.stdout.once("data", (part: Buffer) => resolve(Number.parseInt(part.toString(), 10)));
    holder.once("error", reject);
    holder.once("exit", () => reject(new Error(said.error.trim() || "unshare ended")));
  });
  const pid = await mounted.catch((error: Error) => {
    rmSync(mountPoint, { recursive: true });
    throw new Error(`${MISSING} Here it says: ${error.message}`);
  });
  const path = `/proc/${pid}/root${mountPoint}`;
  const filling = join(path, "filling");
  const free = () => {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  };
  return {
    path,
    free,
    fill(leave = 0) {
      const file = openSync(filling, "a");
      const block = Buffer.alloc(1 << 16, 1);
      try {
        for (let room = free() - leave; room > 0; room = free() - leave) {
          writeSync(file, block, 0, Math.min(block.length, room));
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      } finally {
        closeSync(file);
      }
    },
    clear: () => rmSync(filling, { force: true }),
    async close() {
      const exited = once(holder, "exit");
      holder.stdin.end();
      await exited;
      rmSync(mountPoint, { recursive: true, force: true });
    },
  };
}
