/** A request's body, read and unpacked within what the port has room for. */
import type { IncomingMessage } from "node:http";
import { finished } from "node:stream";
import { createGunzip } from "node:zlib";
import { isWhole, joinedLines, letGo, roomForLines } from "../buffers.ts";
import type { Reservation } from "./in-flight.ts";

/** Bytes of a request's body, also after unpacking. */
export const BODY_LIMIT = 16 * 1024 * 1024;

export type ReadBody =
  | { readonly kind: "read"; readonly bytes: Buffer }
  | { readonly kind: "too large" }
  | { readonly kind: "no room" }
  | { readonly kind: "unknown encoding"; readonly encoding: string }
  | { readonly kind: "not gzip" };

/** Undefined where the client does not say: it sends in chunks. */
export function declaredLength({ headers }: IncomingMessage): number | undefined {
  const { "content-length": length } = headers;
  if (length !== undefined) return Number(length); // Node's parser takes nothing but digits
  return headers["transfer-encoding"] === undefined ? 0 : undefined;
}

/** `reserved` holds the declared length already. Throws where the client goes away in the middle. */
export async function readBody(request: IncomingMessage, reserved: Reservation): Promise<ReadBody> {
  const encoding = (request.headers["content-encoding"] ?? "identity").trim().toLowerCase();
  const packed = encoding === "gzip" || encoding === "x-gzip";
  if (!packed && encoding !== "identity") return { kind: "unknown encoding", encoding };
  const received = await receive(request, reserved);
  if (received.kind !== "read" || !packed) return received;
  return unpack(received.bytes, reserved);
}

async function receive(request: IncomingMessage, reserved: Reservation): Promise<ReadBody> {
  const length = declaredLength(request);
  if (length !== undefined && length > BODY_LIMIT) return { kind: "too large" };
  // Memory that is not written to yet costs nothing.
  const whole = length === undefined ? undefined : roomForLines(length);
  const parts: Buffer[] = [];
  let size = 0;
  const { promise, resolve, reject } = Promise.withResolvers<ReadBody>();
  const take = (part: Buffer) => {
    if (size + part.length > BODY_LIMIT) return resolve({ kind: "too large" });
    if (whole) {
      part.copy(whole, size);
      size += part.length;
      giveBack(part);
    } else {
      if (!reserved.grow(part.length)) return resolve({ kind: "no room" });
      size += part.length;
      parts.push(part);
    }
  };
  // By events, not by iteration: parts are met while they are in the processor's cache, and are not joined before they are seen.
  request.on("data", take);
  const stopWaiting = finished(request, { writable: false }, (error) =>
    error ? reject(error) : resolve({ kind: "read", bytes: whole ?? joined(parts) }),
  );
  try {
    return await promise;
  } finally {
    // The connection outlives a body that is not read to its end: the answer goes over it.
    stopWaiting();
    request.off("data", take);
  }
}

function joined(parts: readonly Buffer[]): Buffer {
  const bytes = joinedLines(parts);
  parts.forEach(giveBack);
  return bytes;
}

/** At once, however small: the collector would look through all that there is for the sake of these. */
function giveBack(part: Buffer): void {
  if (isWhole(part)) letGo(part.buffer, 0);
}

/** How large it gets is known only by unpacking it. */
async function unpack(packed: Buffer, reserved: Reservation): Promise<ReadBody> {
  const parts: Buffer[] = [];
  let size = 0;
  const gunzip = createGunzip();
  gunzip.end(packed);
  try {
    for await (const part of gunzip as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > BODY_LIMIT) return { kind: "too large" };
      if (!reserved.grow(part.length)) return { kind: "no room" };
      parts.push(part);
    }
  } catch {
    return { kind: "not gzip" };
  }
  return { kind: "read", bytes: joinedLines(parts) };
}
