import { COLLECTOR, type Collector, type Declaration } from "./declarations.ts";

/** Tells the compiler, if it listens, what a flow file declares. Without it nothing is recorded. */
export function report(declaration: Declaration): void {
  // The compiler sets it, under a symbol that only `declarations.ts` names.
  const { [COLLECTOR]: collector } = globalThis as { [COLLECTOR]?: Collector };
  collector?.declare(Object.freeze(declaration));
}
