import { afterEach, beforeEach } from "vitest";
import { COLLECTOR, type Collector, type Declaration } from "../../dsl/declarations.ts";

// The compiler's place for its collector; see `declarations.ts`.
const realm = globalThis as { [COLLECTOR]?: Collector };

/** What the test that runs has declared so far. */
export function collected(): Declaration[] {
  const declarations: Declaration[] = [];
  beforeEach(() => {
    declarations.length = 0;
    realm[COLLECTOR] = { declare: (declaration) => declarations.push(declaration) };
  });
  afterEach(uncollected);
  return declarations;
}

/** From here on nobody listens. */
export function uncollected(): void {
  delete realm[COLLECTOR];
}
