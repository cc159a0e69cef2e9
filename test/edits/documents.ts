/** The documents of the source files: fixed patterns of their numbers, so that a file only ever grows. */
import { REGIONS, type Region } from "./model.ts";

export interface Order {
  readonly id: number;
  readonly region: Region;
  readonly customer: string;
  readonly cents: number;
  readonly closes: boolean;
  readonly note?: string;
}

export interface Event {
  readonly no: number;
  readonly customer: string;
  readonly points: number;
}

/** Which orders have a note. */
export type Notes = "none" | "some" | "all";

/** A fourth of them are of an order that was there before: of its region, and maybe of another customer. */
export function order(path: "a" | "b", n: number, notes: Notes): Order {
  const salt = path === "a" ? 0 : 5;
  const id = n % 4 === 3 ? n - 3 : n;
  const note = notes === "all" || (notes === "some" && n % 3 === 0) ? { note: `n-${n % 5}` } : {};
  return {
    id: id + salt * 1000,
    region: REGIONS[(id * 7 + salt) % 3] ?? "north",
    customer: `c-${(n * 5 + salt) % 9}`,
    cents: ((n * 37 + salt * 11) % 200) + 1,
    closes: n % 13 === 12,
    ...note,
  };
}

export function event(path: "a" | "b", n: number): Event {
  const salt = path === "a" ? 0 : 7;
  return { no: n + salt * 1000, customer: `c-${(n * 2 + salt) % 10}`, points: (n * 3 + salt) % 17 };
}

export function orders(path: "a" | "b", count: number, notes: Notes): readonly Order[] {
  return Array.from({ length: count }, (_, n) => order(path, n, notes));
}

export function events(path: "a" | "b", count: number): readonly Event[] {
  return Array.from({ length: count }, (_, n) => event(path, n));
}

export function lines(documents: readonly object[]): string {
  return documents.map((each) => `${JSON.stringify(each)}\n`).join("");
}
