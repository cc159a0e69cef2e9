/** Asks the process that runs a data directory. */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Json } from "../../plan/plan.ts";
import { readHolder } from "../data-directory-lock.ts";
import type { ControlCommand } from "./command.ts";
import { request } from "./node-http.ts";
import { socketPath } from "./socket-path.ts";

/** What broke off an answer whose beginning was sent, percent-encoded; absent where it is whole. */
export const ERROR_TRAILER = "x-weir-error";

/** For what takes milliseconds; a process that is under load takes its time. */
export const ANSWER_WITHIN_MS = 30_000;

/** Throws if the answer, which has been read to its end, was broken off by an error. */
export function checkWhole(answer: IncomingMessage): void {
  const error = answer.trailers[ERROR_TRAILER];
  if (error !== undefined) throw new Error(decodeURIComponent(error));
}

export interface Asking {
  /** Sent as JSON. */
  readonly body?: object;
  /** How long an answer is waited for, ms; without it for as long as it takes. */
  readonly withinMs?: number;
}

/** The running process's answer, or undefined if none runs: the data directory is at rest. */
export async function askRunning(
  dataDir: string,
  path: string,
  { body, withinMs }: Asking = {},
): Promise<IncomingMessage | undefined> {
  const method = body === undefined ? "GET" : "POST";
  const call = request({ socketPath: socketPath(dataDir), path, method });
  if (withinMs !== undefined)
    call.setTimeout(withinMs, () => call.destroy(new Error(silent(dataDir, withinMs))));
  call.end(body === undefined ? undefined : JSON.stringify(body));
  try {
    const [response] = (await once(call, "response")) as [IncomingMessage];
    if (response.statusCode === 200) return response;
    const { error } = (await json(response)) as { error: string }; // the control server's form
    throw new Error(error);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ECONNREFUSED" || code === "ENOENT") return undefined;
    throw error;
  }
}

function silent(dataDir: string, withinMs: number): string {
  const pid = readHolder(dataDir)?.pid;
  return `The process${pid === undefined ? "" : ` ${pid}`} that runs on ${dataDir} has not answered within ${withinMs / 1000} s: it is paused, or has too much to do.`;
}

/** Has the running process do something; undefined if none runs. Throws what it answers where it cannot be done. */
export async function tellRunning(dataDir: string, command: ControlCommand): Promise<Json | undefined> {
  const answer = await askRunning(dataDir, "/command", { body: command });
  return answer && ((await json(answer)) as Json); // the control server's own form
}

export async function json(response: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  return JSON.parse(Buffer.concat(parts).toString("utf8"));
}
