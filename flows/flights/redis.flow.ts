import { env } from "weir";
import { redis } from "weir/redis";
import { historyDelays, liveDelays } from "./flights.flow.ts";

const url = env("REDIS_URL");

/** One hash per airport and day, and the days of each airport ranked by their delay. */
historyDelays.materializeTo(redis({ url, key: "delays:{airport}:{day}" }));
liveDelays.materializeTo(
  redis({ url, key: "latest-days", as: { sortedSet: { member: "{airport} {day}", score: "delayMinutes" } } }),
);
