import { setTimeout as sleep } from "node:timers/promises";
import type { Order } from "./orders.ts";

/** A client that never gives up: repeats a request until it is answered, under the same idempotency key. */
export async function sendAll(
  url: string,
  orders: readonly Order[],
  perRequest: number,
  pauseMs: number,
): Promise<void> {
  for (let from = 0; from < orders.length; from += perRequest) {
    const body = orders
      .slice(from, from + perRequest)
      .map((order) => `${JSON.stringify(order)}\n`)
      .join("");
    for (;;) {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/x-ndjson", "idempotency-key": `request-${orders[from]?.id}` },
        body,
      }).catch(() => undefined);
      if (response?.status === 200) break;
      if (response && response.status !== 429 && response.status < 500)
        throw new Error(`${response.status}: ${await response.text()}`);
      await sleep(50);
    }
    await sleep(pauseMs);
  }
}
