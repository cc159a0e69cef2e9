/**
 * Stands between a client and a server, understands enough of their protocol to recognise a commit, and cuts the
 * connection on the side of it that the test asks for: before the server gets it, or once the server has done it and
 * before its answer reaches the client.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export type CutMoment = "before" | "after";

export interface CommitProxy {
  readonly port: number;
  /** Commits that were seen, those that were cut among them. */
  readonly commits: number;
  /** Cuts that were made, by moment: what a test looks at to know that its fault fired. */
  readonly cuts: Readonly<Record<CutMoment, number>>;
  /** Cuts the connection at the next commit that `which` accepts. */
  cutNext(moment: CutMoment, which?: (label: string) => boolean): void;
  close(): Promise<void>;
}

/** What a protocol sees of one connection. */
export interface CommitWatcher {
  /** Splits what the client sent into whole messages; a rest is kept for the next call. */
  fromClient(chunk: Buffer): readonly ClientMessage[];
  /** Told of what the server sends after a commit went to it: whether that commit is done, refused, or under way. */
  answer(chunk: Buffer): "done" | "refused" | "pending";
}

export interface ClientMessage {
  readonly bytes: Buffer;
  /** Names the commit that this message asks for; undefined where it asks for none. */
  readonly commit: string | undefined;
}

interface Armed {
  readonly moment: CutMoment;
  readonly which: (label: string) => boolean;
}

export async function startCommitProxy(targetPort: number, watch: () => CommitWatcher): Promise<CommitProxy> {
  const sockets = new Set<Socket>();
  const cuts: Record<CutMoment, number> = { before: 0, after: 0 };
  let commits = 0;
  let armed: Armed | undefined;

  const server = createServer({ noDelay: true }, (client) => {
    const target = connect({ port: targetPort, host: "127.0.0.1", noDelay: true });
    const watcher = watch();
    let isHeld = false;
    const held: Buffer[] = [];
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.on("end", () => other.end());
    }
    const cut = (moment: CutMoment) => {
      cuts[moment]++;
      client.resetAndDestroy();
      target.resetAndDestroy();
    };
    client.on("data", (chunk) => {
      for (const { bytes, commit } of watcher.fromClient(chunk)) {
        if (commit !== undefined) {
          commits++;
          if (armed?.which(commit)) {
            const { moment } = armed;
            armed = undefined;
            if (moment === "before") return cut(moment);
            isHeld = true;
          }
        }
        target.write(bytes);
      }
    });
    target.on("data", (chunk) => {
      if (!isHeld) {
        client.write(chunk);
        return;
      }
      held.push(chunk);
      const answer = watcher.answer(chunk);
      if (answer === "done") cut("after");
      if (answer === "refused") {
        isHeld = false;
        for (const part of held.splice(0)) client.write(part);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // a TCP server's
  return {
    port,
    get commits() {
      return commits;
    },
    cuts,
    cutNext(moment, which = () => true) {
      armed = { moment, which };
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}
