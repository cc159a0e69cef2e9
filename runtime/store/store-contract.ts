/** What every store must do. Each kind's test file runs it against a real directory or server. */
import { expect, test } from "vitest";
import { ObjectNotFoundError, type ObjectStore, StoreError } from "./object-store.ts";

/** Their order by bytes is neither that of UTF-16 nor that of a dictionary. */
export const MIXED_KEYS: readonly string[] = [
  "a-b",
  "a.c/x",
  "a/1",
  "a/10",
  "a/2/z",
  "a/Z",
  "a/_tail/f",
  "a/date=1/f",
  "a0",
  "b/\uff5e",
  "b/z",
  "b/😀",
];

/** `listed`: keys to be listed in order, for a server that does not sort by bytes as S3 does. */
export function describeStore(
  open: () => Promise<ObjectStore>,
  listed: readonly string[] = MIXED_KEYS,
): void {
  const withStore = (body: (store: ObjectStore) => Promise<void>) => async () => {
    const store = await open();
    try {
      await body(store);
    } finally {
      await store.close();
    }
  };

  test(
    "gives back what was put, and the newest of two puts",
    withStore(async (store) => {
      const bytes = Uint8Array.from({ length: 70_000 }, (_, n) => n % 251);
      await store.put("a/b/c.bin", bytes);
      await store.put("a/b/c.bin", bytes);
      expect(Buffer.compare(await store.get("a/b/c.bin"), bytes)).toBe(0);
      await store.put("a/b/c.bin", new Uint8Array());
      expect(await store.get("a/b/c.bin")).toHaveLength(0);
      expect(await keys(store, "")).toEqual(["a/b/c.bin"]);
    }),
  );

  test(
    "says that an object is not there",
    withStore(async (store) => {
      await store.put("a/b", Buffer.from("x"));
      for (const key of ["nothing", "a/nothing", "a"]) {
        const error = await store.get(key).catch((caught: unknown) => caught);
        expect(error, key).toBeInstanceOf(ObjectNotFoundError);
        expect(String(error)).toContain(key);
      }
    }),
  );

  test(
    "lists by any prefix, in the order of the keys' bytes, with sizes",
    withStore(async (store) => {
      for (const key of listed) await store.put(key, Buffer.alloc(key.length));
      const sorted = [...listed].sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)));
      for (const prefix of ["", "a", "a/", "a/1", "a/2/", "a/date=", "b/", "c", "a/1/nothing/"]) {
        expect(await keys(store, prefix), prefix).toEqual(sorted.filter((key) => key.startsWith(prefix)));
        for (const after of ["a.c/x", "a/1", "a/2", "a/2/zz", "b/é", "~"]) {
          const expected = sorted.filter(
            (key) => key.startsWith(prefix) && Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0,
          );
          expect(await keys(store, prefix, after), `${prefix} after ${after}`).toEqual(expected);
        }
      }
      for await (const { key, size } of store.list("")) expect(size, key).toBe(key.length);
    }),
  );

  test(
    "lists more objects than one page holds, and deletes them",
    withStore(async (store) => {
      const many = Array.from({ length: 1_203 }, (_, n) => `many/${String(n).padStart(6, "0")}`);
      for (let at = 0; at < many.length; at += 50) {
        await Promise.all(many.slice(at, at + 50).map((key) => store.put(key, Buffer.from(key))));
      }
      await store.put("other", Buffer.from("1"));
      expect(await keys(store, "many/")).toEqual(many);
      expect(await keys(store, "many/", many[100])).toEqual(many.slice(101));
      await store.delete([...many.slice(0, 1_200), "many/never", "no/such/folder"]);
      expect(await keys(store, "")).toEqual([...many.slice(1_200), "other"]);
      await expect(store.get(many[0] ?? "")).rejects.toThrow(ObjectNotFoundError);
    }),
    60_000,
  );

  test(
    "shows an object in a listing as soon as its put is done, wholly",
    withStore(async (store) => {
      const bytes = Buffer.alloc(3_000_000, 7);
      let done = false;
      const put = store.put("big", bytes).then(() => {
        done = true;
      });
      for (let round = 0; round < 200 && !done; round++) {
        for await (const { size } of store.list("")) expect(size).toBe(bytes.length);
      }
      await put;
      expect(await keys(store, "")).toEqual(["big"]);
    }),
  );

  test(
    "refuses keys that it could not hold",
    withStore(async (store) => {
      for (const key of ["", "/a", "a/", "a//b", "../a", "a/./b", "a\\b", "a/.weir-x"]) {
        await expect(store.put(key, new Uint8Array()), key).rejects.toThrow(StoreError);
        await expect(store.get(key), key).rejects.toThrow(StoreError);
      }
    }),
  );
}

export async function keys(store: ObjectStore, prefix: string, after?: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list(prefix, after === undefined ? {} : { after })) found.push(key);
  return found;
}
