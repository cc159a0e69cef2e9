import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type DeterminismGuard, installDeterminismGuard } from "./determinism-guard.ts";

let guard: DeterminismGuard;
beforeEach(() => {
  guard = installDeterminismGuard();
});
afterEach(() => guard.uninstall());

function guarded<T>(transform: () => T): T {
  guard.enter();
  try {
    return transform();
  } finally {
    guard.leave();
  }
}

it.each<[string, () => unknown]>([
  ["Date.now()", () => Date.now()],
  ["the current time by new Date()", () => new Date()],
  ["the current time by new Date()", () => Date()],
  ["Math.random()", () => Math.random()],
  ["performance.now()", () => performance.now()],
  ["crypto.randomUUID()", () => crypto.randomUUID()],
  ["crypto.getRandomValues()", () => crypto.getRandomValues(new Uint8Array(1))],
  ["fetch", () => fetch("http://127.0.0.1:1")],
  ["WebSocket", () => new WebSocket("ws://127.0.0.1:1")],
  ["setTimeout", () => setTimeout(() => {}, 0)],
  ["process", () => process.env.HOME],
])("%s throws inside a transform, with what to do instead", (shown, transform) => {
  expect(() => guarded(transform)).toThrow(
    `The function uses ${shown}. A derivation's functions must give the same outputs for the same input`,
  );
});

it("leaves what is pure, and everything between transforms", async () => {
  const day = guarded(() => new Date("2026-11-23T08:00:00Z"));
  expect(day.toISOString()).toBe("2026-11-23T08:00:00.000Z");
  expect(day).toBeInstanceOf(Date);
  expect(guarded(() => Date.UTC(2026, 0, 1))).toBe(1_767_225_600_000);
  expect(guarded(() => Math.max(1, 2))).toBe(2);
  expect(Date.now()).toBeGreaterThan(1.7e12);
  expect(new Date().toISOString() > "2026").toBe(true);
  expect(Math.random()).toBeLessThan(1);
  expect(randomUUID()).toHaveLength(36);
  expect(process.pid).toBeGreaterThan(0);
  await new Promise((resolve) => setTimeout(resolve, 1));
});

it("lets others set what it guards, between transforms", () => {
  const original = fetch;
  const own = async () => new Response();
  globalThis.fetch = own;
  expect(fetch).toBe(own);
  globalThis.fetch = original;
  const socket = WebSocket;
  class Own extends WebSocket {}
  globalThis.WebSocket = Own;
  expect(WebSocket).toBe(Own);
  globalThis.WebSocket = socket;
});

it("is off again after a transform that threw", () => {
  expect(() =>
    guarded(() => {
      throw new Error("mine");
    }),
  ).toThrow("mine");
  expect(Date.now()).toBeGreaterThan(0);
});

it("puts everything back", () => {
  const guardedDate = Date;
  const socket = WebSocket;
  guard.uninstall();
  expect(WebSocket).toBe(socket);
  globalThis.WebSocket = socket;
  expect(Object.getOwnPropertyDescriptor(globalThis, "WebSocket")?.value).toBe(socket);
  expect(Date).not.toBe(guardedDate);
  expect(Object.getOwnPropertyDescriptor(Math, "random")?.writable).toBe(true);
});

it("does not load what Node loads when it is first read", () => {
  const script = `
    const { installDeterminismGuard } = await import(${JSON.stringify(new URL("./determinism-guard.ts", import.meta.url).href)});
    const isLoaded = () => process.moduleLoadList.some((name) => name.includes("undici"));
    installDeterminismGuard();
    const before = isLoaded();
    const { name } = WebSocket;
    process.stdout.write([before, name, isLoaded()].join());`;
  const told = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  expect(told.stdout + told.stderr).toBe("false,WebSocket,true");
});
