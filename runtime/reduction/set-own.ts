import type { Json } from "../../plan/plan.ts";

/** Unlike an assignment, sets a field named `__proto__` too. */
export function setOwn(object: { [name: string]: Json | undefined }, name: string, value: Json): void {
  if (name !== "__proto__") object[name] = value;
  else Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true });
}
