/**
 * A server process that cannot outlive the one that started it. Between the two stands a shell that waits on its standard
 * input: when this process ends, however it ends, the pipe closes, and the shell ends the server and removes its directory.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** The server's own directory: it runs there, its output goes to `server.log` there, and it is removed at the end. */
  readonly dir: string;
  /** What ends the server cleanly and at once, as `kill` names it. */
  readonly stopSignal: "INT" | "TERM";
  /** Whom it runs as; undefined for the caller. */
  readonly uid: number | undefined;
}

export interface SupervisedServer {
  readonly pid: number;
  /** Ends it cleanly. `remove` its directory, or `keep` it for another start. */
  stop(directory: "remove" | "keep"): Promise<void>;
  /** Ends it as a crash would (SIGKILL), and keeps its directory. */
  kill(): Promise<void>;
  /** True until the server has ended, by itself or not. */
  running(): boolean;
  /** The end of its log, for messages. */
  log(): string;
}

const SUPERVISE = `
dir=$1; signal=$2; shift 2
"$@" & server=$!
echo $server
read -r word
kill -$signal $server 2>/dev/null
wait $server
[ "$word" = keep ] || rm -rf "$dir"
`;

export async function startSupervised(server: ServerCommand): Promise<SupervisedServer> {
  const logFile = join(server.dir, "server.log");
  const log = openSync(logFile, "a");
  const supervisor = spawn(
    "sh",
    ["-c", SUPERVISE, "sh", server.dir, server.stopSignal, server.command, ...server.args],
    // Detached: Ctrl-C in a terminal goes to the whole group, and would end the shell before it has done its work.
    { cwd: server.dir, stdio: ["pipe", "pipe", log], detached: true, ...asUser(server.uid) },
  );
  closeSync(log);
  const pid = await firstLine(supervisor);
  const ended = once(supervisor, "exit");
  const finish = async (word: "keep" | "remove") => {
    supervisor.stdin?.end(`${word}\n`);
    await ended;
  };
  return {
    pid,
    stop: finish,
    kill: async () => {
      signal(pid, "SIGKILL");
      await finish("keep");
    },
    running: () => signal(pid, 0),
    log: () => readFileSync(logFile, "utf8").split("\n").slice(-20).join("\n"),
  };
}

/** Group and user alike: Debian's and macOS's `nobody` has a group of its own number. */
export function asUser(uid: number | undefined): { uid: number; gid: number } | undefined {
  return uid === undefined ? undefined : { uid, gid: uid };
}

async function firstLine(child: ChildProcess): Promise<number> {
  const { stdout } = child;
  if (stdout === null) throw new Error("The supervisor has no standard output.");
  const [chunk] = await Promise.race([
    once(stdout, "data"),
    once(child, "error").then(([error]) => Promise.reject(error)),
  ]);
  // The server inherits the pipe and may write to it; nobody reads more, so it must not fill.
  stdout.resume();
  stdout.on("error", () => {});
  return Number.parseInt(String(chunk), 10);
}

/** False if there is no such process (any more). */
function signal(pid: number, name: "SIGKILL" | 0): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}
