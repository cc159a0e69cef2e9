import { MessageChannel } from "node:worker_threads";
import { expect, it, onTestFinished } from "vitest";
import { BEFORE_LINES, roomForLines } from "../../connectors/buffers.ts";
import { expose, remote } from "./remote.ts";

const MIB = 1024 * 1024;

class Keeper {
  readonly kept: Uint8Array[] = [];

  async keep(given: { readonly bytes: Uint8Array }): Promise<Uint8Array> {
    this.kept.push(given.bytes);
    return Uint8Array.from(given.bytes);
  }

  async fail(bytes: Uint8Array): Promise<void> {
    this.kept.push(bytes);
    throw new Error("No room.");
  }

  async echo(bytes: Uint8Array): Promise<Uint8Array> {
    return bytes;
  }
}

type Callable = Pick<Keeper, "keep" | "fail" | "echo">;

function connected() {
  const { port1, port2 } = new MessageChannel();
  const keeper = new Keeper();
  expose<Callable>(keeper, port1);
  onTestFinished(() => port2.close());
  return { keeper, far: remote<Callable>(port2) };
}

it("gives a call's buffers back once it is answered, whatever the answer", async () => {
  const { keeper, far } = connected();
  const answer = await far.keep({ bytes: new Uint8Array(MIB).fill(7) });
  expect([answer.byteLength, answer[0]]).toEqual([MIB, 7]);
  await expect(far.fail(new Uint8Array(MIB))).rejects.toThrow("No room.");
  expect(keeper.kept.map(({ byteLength }) => byteLength)).toEqual([0, 0]);
});

it("leaves alone what went back with the answer", async () => {
  const { far } = connected();
  expect((await far.echo(new Uint8Array(MIB).fill(7)))[MIB - 1]).toBe(7);
});

it("moves lines with the room before them, and copies what is part of a larger buffer", async () => {
  const { keeper, far } = connected();
  const lines = roomForLines(MIB).fill(7);
  const answered = far.keep({ bytes: lines });
  expect(lines.byteLength).toBe(0);
  await answered;
  const part = Buffer.alloc(MIB + BEFORE_LINES, 7).subarray(BEFORE_LINES);
  await far.keep({ bytes: part });
  expect(part[MIB - 1]).toBe(7);
  expect(keeper.kept).toHaveLength(2);
});
