/** Asks the process that runs a data directory. */
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { readHolder } from "../data-directory-lock.ts";

/** The running process's answer, or undefined if none answers: the data directory is at rest. */
export async function askRunning(dataDir: string, path: string): Promise<IncomingMessage | undefined> {
  const socketPath = readHolder(dataDir)?.socket;
  if (!socketPath) return undefined;
  const call = request({ socketPath, path });
  call.end();
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

export async function json(response: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  return JSON.parse(Buffer.concat(parts).toString("utf8"));
}
