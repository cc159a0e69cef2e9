import {
  HaltError,
  type MaterializationContext,
  type MaterializationDriver,
  type TargetSession,
} from "../driver.ts";
import { protocolPoint } from "../protocol-point.ts";
import { checkServer, connect, withoutCommand } from "./connection.ts";
import { checkpointKey, refuseForeignRows, refuseRename, takeFence, tryRights } from "./fence.ts";
import { rowForm } from "./forms.ts";
import { asideConfig } from "./place.ts";
import { RedisSession } from "./session.ts";
import { dropRows, swapRows } from "./swap.ts";

/** Rows, checkpoint and fence in one run of a script, which Redis runs whole or not at all: exactly once. */
export const driver: MaterializationDriver = {
  async open({
    config,
    collection,
    task,
    mode,
    renamedFrom,
    log,
  }: MaterializationContext): Promise<TargetSession> {
    const { url } = config;
    if (mode === "delta") throw new HaltError('Redis has no mode "delta"; leave it out.');
    if (typeof url !== "string") throw new HaltError("A Redis target needs the string url.");
    const form = rowForm(config, collection);
    const checkpoint = checkpointKey(task);
    const redis = await connect(url);
    try {
      await checkServer(redis);
      await refuseRename(redis, task, renamedFrom);
      await refuseForeignRows(redis, checkpoint, form);
      await tryRights(redis, checkpoint, form);
      protocolPoint("redis.fence.before");
      const owned = await takeFence(redis, checkpoint);
      protocolPoint("redis.fence.after");
      const session = new RedisSession({ redis, task, checkpoint, form, owned });
      if (owned.clearing !== "") {
        log.info("Goes on removing rows, which an earlier instance began.");
        await session.clear(JSON.parse(owned.clearing));
      }
      return session;
    } catch (error) {
      redis.disconnect();
      throw withoutCommand(error);
    }
  },

  aside: asideConfig,
  swap: swapRows,
  drop: dropRows,
};
