import {
  type ClientMessage,
  type CommitProxy,
  type CommitWatcher,
  startCommitProxy,
} from "./commit-proxy.ts";

/** Recognises, in Redis' protocol, the EVALSHA that stores a transaction of Weir. Its label is the name of the command. */
export function startRedisProxy(targetPort: number): Promise<CommitProxy> {
  return startCommitProxy(targetPort, () => new RedisWatcher());
}

class RedisWatcher implements CommitWatcher {
  #rest: Buffer = Buffer.alloc(0);

  fromClient(chunk: Buffer): readonly ClientMessage[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const messages: ClientMessage[] = [];
    for (;;) {
      const command = firstCommand(this.#rest);
      if (command === undefined) return messages;
      const bytes = this.#rest.subarray(0, command.size);
      this.#rest = this.#rest.subarray(command.size);
      messages.push({ bytes, commit: command.name === "EVALSHA" ? command.name : undefined });
    }
  }

  answer(chunk: Buffer): "done" | "refused" | "pending" {
    // A script that the server does not know, or refuses, has stored nothing.
    return chunk.toString("latin1", 0, 1) === "-" ? "refused" : "done";
  }
}

/** `*<count>\r\n$<length>\r\n<bytes>\r\n…`: the first whole one, or undefined. */
function firstCommand(bytes: Buffer): { name: string; size: number } | undefined {
  const head = lineAt(bytes, 0);
  if (head === undefined) return undefined;
  if (!head.text.startsWith("*")) return { name: head.text, size: head.next };
  let at = head.next;
  let name = "";
  for (let i = 0; i < Number(head.text.slice(1)); i++) {
    const length = lineAt(bytes, at);
    if (length === undefined) return undefined;
    const end = length.next + Number(length.text.slice(1));
    if (bytes.length < end + 2) return undefined;
    if (i === 0) name = bytes.toString("latin1", length.next, end).toUpperCase();
    at = end + 2;
  }
  return { name, size: at };
}

function lineAt(bytes: Buffer, from: number): { text: string; next: number } | undefined {
  const end = bytes.indexOf("\r\n", from);
  return end < 0 ? undefined : { text: bytes.toString("latin1", from, end), next: end + 2 };
}
