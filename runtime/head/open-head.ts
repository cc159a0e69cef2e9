import { once } from "node:events";
import { MessageChannel, type MessagePort, type Worker } from "node:worker_threads";
import { startWorker } from "../threads/entry.ts";
import { errorOf, remote } from "../threads/remote.ts";
import type { Head } from "./head.ts";
import type { HeadThreadCommand, HeadThreadData, HeadThreadEvent } from "./head-thread.ts";
import { beginOpening } from "./last-opening.ts";

export interface OpenHead {
  /** For this thread. */
  readonly head: Head;
  /** A port for another thread, which makes its own `remote<Head>` of it. */
  connect(): MessagePort;
  /** Flushes and closes. Callers must have ended. */
  close(): Promise<void>;
}

/** Starts the head's thread. `onFailure` is told of a failed flush: the process must end then. */
export async function openHead(directory: string, onFailure: (error: Error) => void): Promise<OpenHead> {
  const opening = await beginOpening(directory);
  const worker = startWorker(import.meta.url, "./head-thread", {
    workerData: { directory } satisfies HeadThreadData,
  });
  await new Promise<void>((resolve, reject) => {
    worker.once("error", reject);
    worker.on("message", (event: HeadThreadEvent) => {
      opening.ended();
      if (event.kind === "ready") resolve();
      else {
        const error = errorOf(event.thrown);
        reject(error);
        onFailure(error);
      }
    });
  });
  worker.on("error", onFailure);
  const port = connectTo(worker);
  return {
    head: remote<Head>(port),
    connect: () => connectTo(worker),
    async close() {
      const exited = once(worker, "exit");
      worker.postMessage({ kind: "close" } satisfies HeadThreadCommand);
      await exited;
      port.close();
    },
  };
}

function connectTo(worker: Worker): MessagePort {
  const { port1, port2 } = new MessageChannel();
  worker.postMessage({ kind: "connect", port: port2 } satisfies HeadThreadCommand, [port2]);
  return port1;
}
