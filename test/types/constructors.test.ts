import { describe, expect, test } from "vitest";
import { env } from "weir";
import { files } from "weir/files";
import { http } from "weir/http";
import { pg } from "weir/postgres";
import { redis } from "weir/redis";

const url = env("URL");

describe("descriptions", () => {
  test("http", () => {
    expect(http({ path: "/shop/orders" })).toMatchObject({
      kind: "source",
      connector: "http",
      config: { path: "/shop/orders" },
      resource: "/shop/orders",
      guarantee: { delivery: "at-least-once" },
    });
  });

  test("files", () => {
    expect(files({ path: "a/*.csv" }).config).toEqual({ path: "a/*.csv", watch: false });
    expect(files({ path: "a/*", format: "ndjson", watch: true })).toMatchObject({
      kind: "source",
      connector: "files",
      config: { path: "a/*", format: "ndjson", watch: true },
      resource: "a/*",
      guarantee: { delivery: "exactly-once" },
    });
  });

  test("postgres", () => {
    expect(pg({ url, table: "spend" })).toMatchObject({
      kind: "target",
      connector: "postgres",
      config: { url: { $env: "URL" }, table: "spend" },
      resource: "spend",
      guarantee: { delivery: "exactly-once" },
    });
    expect(pg({ url, table: "spend", schema: "mart" })).toMatchObject({
      config: { url: { $env: "URL" }, table: "spend", schema: "mart" },
      resource: "mart.spend",
    });
  });

  test("redis", () => {
    expect(redis({ url, key: "spend:{customer}" })).toMatchObject({
      kind: "target",
      connector: "redis",
      config: { url: { $env: "URL" }, key: "spend:{customer}", as: "hash" },
      resource: "spend:{customer}",
      guarantee: { delivery: "exactly-once" },
    });
    expect(redis({ url, key: "{a}", as: "json" }).config).toEqual({
      url: { $env: "URL" },
      key: "{a}",
      as: "json",
    });
  });

  test.for([http({ path: "/a" }), files({ path: "a" }), pg({ url, table: "a" }), redis({ url, key: "{a}" })])(
    "$connector is frozen, is JSON, and says in a sentence what it promises",
    (description) => {
      expect(Object.isFrozen(description) && Object.isFrozen(description.config)).toBe(true);
      expect(JSON.parse(JSON.stringify(description))).toEqual(description);
      expect(description.guarantee.mechanism).toMatch(/^[A-Z].*\.$/);
    },
  );
});

// What the compiler refuses, and an untyped caller can still write.
describe("refused when it runs", () => {
  const make = {
    http: http as (options: object) => unknown,
    files: files as (options: object) => unknown,
    pg: pg as (options: object) => unknown,
    redis: redis as (options: object) => unknown,
  };
  test.for([
    ["http", {}, "http: undefined is not a path"],
    ["http", { path: "orders" }, 'http: "orders" is not a path. Begin it with "/"'],
    ["http", { path: "/a?b" }, "is not a path"],
    ["http", { path: "/a b" }, "is not a path"],
    ["files", {}, "files: the path is empty"],
    ["files", { path: "" }, "files: the path is empty"],
    ["files", { path: "a", format: "xml" }, 'files: "xml" is not a format. Use "ndjson", "json" or "csv".'],
    ["pg", { url, table: "" }, "pg: the table is empty"],
    ["pg", { url, table: "a", schema: "" }, "pg: the schema is empty"],
    ["pg", { url, table: "ä".repeat(32) }, "is longer than the 63 bytes that PostgreSQL keeps"],
    ["pg", { table: "a" }, "pg: the url is not one of postgres://"],
    ["pg", { url: "redis://host", table: "a" }, "pg: the url is not one of postgres://"],
    ["redis", { url, key: "" }, "redis: the key is empty"],
    ["redis", { url, key: "spend" }, 'redis: the key "spend" is the same for all documents'],
    ["redis", { url, key: "spend:{customer" }, "the braces do not match"],
    ["redis", { url, key: "spend:customer}" }, "the braces do not match"],
    ["redis", { url, key: "spend:{}" }, "the braces do not match"],
    ["redis", { url, key: "a", as: "list" }, 'redis: "list" is not a representation'],
    [
      "redis",
      { url, key: "a", as: { sortedSet: { member: "b", score: "n" } } },
      'the member "b" is the same',
    ],
    ["redis", { url, key: "a", as: { sortedSet: { member: "{b}" } } }, "redis: the score is empty"],
  ] as const)("%s(%j)", ([name, options, message]) => {
    expect(() => make[name](options)).toThrow(message);
  });

  test.for([
    "postgres://weir:hunter2@host/db",
    "postgres://weir:hun/ter2@host/db",
    "postgresql://host/db?user=weir&password=hunter2",
  ])("a URL with a password, of which the message shows nothing", (secret) => {
    const attempt = () => pg({ url: secret, table: "a" });
    expect(attempt).toThrow(
      "pg: the url holds a password, which would be in the plan for all to read. Put the url",
    );
    expect(attempt).not.toThrow(/weir:|ter2|host/);
  });

  test.for(["postgres://host/db", "postgresql://weir@host:5432/db?sslmode=require"])("but not %s", (open) => {
    expect(pg({ url: open, table: "a" }).config).toEqual({ url: open, table: "a" });
  });
});
