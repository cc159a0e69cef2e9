/** The thread that owns the head. It runs no user code; every other thread asks it over a port. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { expose, thrownOf } from "../threads/remote.ts";
import { diskReserve } from "./disk-reserve.ts";
import { EmbeddedHead } from "./embedded-head.ts";
import type { Head } from "./head.ts";
import { HeadService } from "./head-service.ts";

export interface HeadThreadData {
  readonly directory: string;
}

/** From the main thread: a port of a new caller, or the end. */
export type HeadThreadCommand =
  | { readonly kind: "connect"; readonly port: MessagePort }
  | { readonly kind: "close" };

/** To the main thread. */
export type HeadThreadEvent =
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly thrown: ReturnType<typeof thrownOf> };

if (!parentPort) throw new Error("head-thread.ts runs as a worker thread only.");
const parent = parentPort;
const { directory } = workerData as HeadThreadData; // set by EmbeddedHeadThread
const fail = (error: unknown) =>
  parent.postMessage({ kind: "failed", thrown: thrownOf(error) } satisfies HeadThreadEvent);

try {
  const service = new HeadService(new EmbeddedHead(directory), fail, diskReserve(directory));
  parent.on("message", (command: HeadThreadCommand) => {
    if (command.kind === "connect") expose<Head>(service, command.port);
    else void service.close().then(() => process.exit(0), fail);
  });
  parent.postMessage({ kind: "ready" } satisfies HeadThreadEvent);
} catch (error) {
  fail(error);
}
