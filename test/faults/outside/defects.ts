/** What the faults from outside must bring to light, put into the sources as they load. */
import type { Edit } from "../fault.ts";

/** A fragment is published that the store does not list. */
export const UNLISTED: readonly Edit[] = [
  {
    file: "runtime/archive/archiver.ts",
    find: "if (!(await this.#lists(key, bytes.byteLength))) {",
    replace: `if (key === "") {`,
  },
];

/** The head's tables are taken as they are found. */
export const UNCOUNTED: readonly Edit[] = [
  {
    file: "runtime/head/census.ts",
    find: "if (expected && (expected.count !== found.count || expected.sum !== found.sum)) {",
    replace: "if (expected === null) {",
  },
  {
    file: "runtime/head/sealed-table.ts",
    find: "if (this.#undecoded.get(key) !== value) {",
    replace: "if (key === null) {",
  },
];

/** Documents in the head are served whatever their checksum. */
export const UNCHECKED: readonly Edit[] = [
  {
    file: "runtime/head/sealed.ts",
    find: "sealed.readUInt32BE(0) !== batchChecksum(journal, first, sealed)",
    replace: "sealed.readUInt32BE(0) === -1",
  },
];
