import { routes, table } from "./flight.ts";
import { history, live } from "./flights.flow.ts";

/** Added while the others run: each reads all of its history first, then goes on live. */
routes(history, "routes/history").materializeTo(table("routes_history"));
routes(live, "routes/live").materializeTo(table("routes_live"));
