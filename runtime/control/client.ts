/** Asks the process that runs a data directory. */
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import type { Json } from "../../plan/plan.ts";
import { readHolder } from "../data-directory-lock.ts";
import type { ControlCommand } from "./command.ts";

/** What broke off an answer whose beginning was sent, percent-encoded; absent where it is whole. */
export const ERROR_TRAILER = "x-weir-error";

/** Throws if the answer, which has been read to its end, was broken off by an error. */
export function checkWhole(answer: IncomingMessage): void {
  const error = answer.trailers[ERROR_TRAILER];
  if (error !== undefined) throw new Error(decodeURIComponent(error));
}

/** The running process's answer, or undefined if none answers: the data directory is at rest. */
export async function askRunning(
  dataDir: string,
  path: string,
  body?: object,
): Promise<IncomingMessage | undefined> {
  const socketPath = readHolder(dataDir)?.socket;
  if (!socketPath) return undefined;
  const call = request({ socketPath, path, method: body === undefined ? "GET" : "POST" });
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

/** Has the running process do something; undefined if none runs. Throws what it answers where it cannot be done. */
export async function tellRunning(dataDir: string, command: ControlCommand): Promise<Json | undefined> {
  const answer = await askRunning(dataDir, "/command", { ...command });
  return answer && ((await json(answer)) as Json); // the control server's own form
}

export async function json(response: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  return JSON.parse(Buffer.concat(parts).toString("utf8"));
}
