import { shown } from "./json.ts";

const SEGMENT = /^[a-z0-9][a-z0-9_-]*$/;

/**
 * @param place where it was given, as the subject of a sentence
 * @throws Error with the remedy.
 */
export function checkCollectionName(place: string, name: unknown): void {
  if (typeof name === "string" && name.split("/").every((segment) => SEGMENT.test(segment))) return;
  throw new Error(
    `${place} is not a collection's name. Use segments of lower-case letters, ` +
      'digits, "-" and "_", each beginning with a letter or digit and separated by "/", as in "shop/orders".',
  );
}

/** @throws Error for what cannot be the name that a collection had. */
export function checkRenaming(name: string, from: string): void {
  checkCollectionName(`${name}: renamedFrom(${shown(from)})`, from);
  if (from !== name) return;
  throw new Error(
    `${name} is renamed from its own name. Give the name that it had, or take renamedFrom away.`,
  );
}
