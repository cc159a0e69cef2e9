import { expect, it } from "vitest";
import type { Plan } from "../plan/plan.ts";
import { requireEnvironment, resolveEnvironment } from "./environment.ts";

const guarantee = { delivery: "exactly-once", mechanism: "" } as const;
const plan: Plan = {
  formatVersion: 1,
  collections: {},
  captures: {},
  derivations: {},
  materializations: {
    "postgres:t": { collection: "b", connector: "postgres", config: { url: { $env: "DB_URL" } }, guarantee },
    "postgres:u": { collection: "b", connector: "postgres", config: { url: { $env: "DB_URL" } }, guarantee },
  },
};

it("names every missing variable and who needs it, before anything starts", () => {
  const store = { s3: { bucket: "b", accessKeyId: { $env: "KEY" } } };
  expect(() => requireEnvironment(plan, store, {})).toThrow(
    "The environment variables are not set: KEY (used by the store in weir.config.ts); DB_URL (used by postgres:t, postgres:u). Set them and run again; nothing was started.",
  );
  expect(() => requireEnvironment(plan, store, { KEY: "k", DB_URL: "" })).toThrow(
    /variable is not set: DB_URL/,
  );
  expect(() => requireEnvironment(plan, store, { KEY: "k", DB_URL: "u" })).not.toThrow();
});

it("puts values in the place of references, at any depth, and leaves the rest", () => {
  const config = { url: { $env: "A" }, list: [{ $env: "B" }, 1, null], as: "hash" };
  expect(resolveEnvironment(config, { A: "x", B: "y" })).toEqual({
    url: "x",
    list: ["y", 1, null],
    as: "hash",
  });
});
