import type { TargetFit } from "../compiler/check/connectors.ts";
import { targetMisfits } from "../connectors/postgres/fit.ts";

/** The checks of Weir's own connectors. */
export const targetFit: TargetFit = (connector, collection, config, mode) =>
  connector === "postgres" ? targetMisfits(collection, config, mode) : [];
