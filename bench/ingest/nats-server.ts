/** NATS JetStream with its streams in files, and nothing changed of what it decides by itself. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { freePort } from "../../test/servers/free-port.ts";
import { type SupervisedServer, startSupervised } from "../../test/servers/supervised.ts";
import { natsServerBinary } from "../system-tools.ts";

export interface NatsServer {
  readonly pid: number;
  connect(): Promise<NatsConnection>;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 10_000;

/** A new, empty one on a free port of 127.0.0.1. It ends with this process, whatever ends that. */
export async function startNats(): Promise<NatsServer> {
  const command = await natsServerBinary();
  const dir = await mkdtemp(join(tmpdir(), "weir-nats-"));
  try {
    const port = await freePort();
    const config = `listen: "127.0.0.1:${port}"\njetstream { store_dir: ${JSON.stringify(join(dir, "jetstream"))} }\n`;
    await writeFile(join(dir, "nats.conf"), config);
    const args = ["-c", join(dir, "nats.conf")];
    const server = await startSupervised({ command, args, dir, stopSignal: "TERM", uid: undefined });
    const open = () => connect({ port, reconnect: false });
    await ready(server, open);
    return { pid: server.pid, connect: open, stop: () => server.stop("remove") };
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

async function ready(server: SupervisedServer, open: () => Promise<NatsConnection>): Promise<void> {
  for (const until = Date.now() + READY_WITHIN_MS; ; await sleep(20)) {
    try {
      return await (await open()).close();
    } catch (cause) {
      if (server.running() && Date.now() < until) continue;
      const log = server.log();
      await server.stop("remove");
      throw new Error(`NATS did not start; its log ends:\n${log}`, { cause });
    }
  }
}
