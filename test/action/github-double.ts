/**
 * A double of GitHub's REST API, as far as comments go: the real one cannot be had in a test. It answers as
 * https://docs.github.com/en/rest/issues/comments says: pages of at most 100, oldest first; 422 for a body that is too long.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

const MAX_BODY = 65_536;

export interface Comment {
  readonly id: number;
  body: string;
}

export interface GitHubDouble {
  readonly url: string;
  readonly comments: Comment[];
  /** Method and path of each request. */
  readonly requests: string[];
  /** What it answers to everything, if set. */
  refuse: { readonly status: number; readonly message: string } | undefined;
  /** Whether it gives the first page whatever is asked for. */
  ignoresPages: boolean;
}

/** With the comments of the pull request 12 of `acme/shop`, and the token `secret`. */
export async function githubDouble(comments: readonly string[] = []): Promise<GitHubDouble> {
  const double: GitHubDouble = {
    url: "",
    comments: comments.map((body, id) => ({ id, body })),
    requests: [],
    refuse: undefined,
    ignoresPages: false,
  };
  const answerTo = (method: string, url: URL, text: string): readonly [status: number, body: unknown] => {
    if (double.refuse) return [double.refuse.status, { message: double.refuse.message }];
    const body: string = text === "" ? "" : JSON.parse(text).body;
    if (body.length > MAX_BODY) return [422, { message: "Validation Failed" }];
    const all = `/repos/acme/shop/issues/12/comments`;
    if (method === "GET" && url.pathname === all) {
      const [size, page] = [
        Number(url.searchParams.get("per_page") ?? 30),
        Number(url.searchParams.get("page") ?? 1),
      ];
      const first = double.ignoresPages ? 0 : (page - 1) * size;
      return [200, double.comments.slice(first, first + Math.min(size, 100))];
    }
    if (method === "POST" && url.pathname === all) {
      const created = { id: double.comments.length, body };
      double.comments.push(created);
      return [201, created];
    }
    const edited = double.comments.find(
      ({ id }) => url.pathname === `/repos/acme/shop/issues/comments/${id}`,
    );
    if (method !== "PATCH" || !edited) return [404, { message: "Not Found" }];
    edited.body = body;
    return [200, edited];
  };
  const answer: (request: IncomingMessage, response: ServerResponse) => Promise<void> = async (
    request,
    response,
  ) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const { method = "", url = "", headers } = request;
    double.requests.push(`${method} ${url}`);
    const [status, body] =
      headers.authorization === "Bearer secret"
        ? answerTo(method, new URL(url, "http://double"), Buffer.concat(parts).toString())
        : [401, { message: "Bad credentials" }];
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  };
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return Object.assign(double, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}
