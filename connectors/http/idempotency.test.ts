import { describe, expect, it } from "vitest";
import type { Json } from "../../plan/plan.ts";
import { keyedRequest, REMEMBERED_KEYS, RepeatedRequests } from "./idempotency.ts";

const request = (key: string, body = "{}") => {
  const keyed = keyedRequest(key, Buffer.from(body));
  if (typeof keyed !== "object") throw new Error("no key");
  return keyed;
};

/** Commits cursors as the head does: in the order of the calls, or not at all. */
function committed() {
  const cursors: Json[] = [];
  return { cursors, append: async (cursor: Json) => void cursors.push(cursor) };
}

describe("a repeated request", () => {
  it("gets the first one's answer, also from a successor that knows only the committed cursor", async () => {
    const { cursors, append } = committed();
    const requests = new RepeatedRequests(undefined);
    expect(requests.recognise(request("a"))).toEqual({ kind: "new" });
    await requests.store(request("a"), 3, append);
    for (const instance of [requests, new RepeatedRequests(cursors.at(-1))]) {
      expect(instance.recognise(request("a"))).toEqual({ kind: "repeat", accepted: 3 });
    }
  });

  it("is new again if the first one failed", async () => {
    const requests = new RepeatedRequests(undefined);
    await expect(requests.store(request("a"), 1, () => Promise.reject(new Error("full")))).rejects.toThrow(
      "full",
    );
    expect(requests.recognise(request("a"))).toEqual({ kind: "new" });
  });

  it("is refused with another body", async () => {
    const { append } = committed();
    const requests = new RepeatedRequests(undefined);
    await requests.store(request("a"), 1, append);
    expect(requests.recognise(request("a", '{"other":1}'))).toEqual({ kind: "conflict" });
  });

  it("is recognised among the newest keys only", async () => {
    const { cursors, append } = committed();
    const requests = new RepeatedRequests(undefined);
    for (let i = 0; i <= REMEMBERED_KEYS; i++) await requests.store(request(`k${i}`), 1, append);
    expect(cursors.at(-1)).toHaveLength(REMEMBERED_KEYS);
    expect(requests.recognise(request("k0")).kind).toBe("new");
    expect(requests.recognise(request("k1")).kind).toBe("repeat");
  });
});

it("a key is one value of bounded length", () => {
  expect(keyedRequest(undefined, Buffer.alloc(0))).toBeUndefined();
  expect(keyedRequest("", Buffer.alloc(0))).toMatch(/1 to 128 characters/);
  expect(keyedRequest("x".repeat(129), Buffer.alloc(0))).toMatch(/1 to 128 characters/);
  expect(keyedRequest(["a", "b"], Buffer.alloc(0))).toMatch(/one value/);
});
