import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/**
 * Memory that a process holds for itself. Linux tells it apart from pages of files that happen to be in memory (the head's
 * is mapped, and its pages are the system's to take back); elsewhere it is all that is resident. 0 once it has ended.
 */
export function residentBytes(pid: number): number {
  try {
    if (!existsSync("/proc/self/status")) {
      return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) * 1024;
    }
    const found = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return Number(found?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
