import { StoreError } from "./object-store.ts";

interface Explanation {
  readonly text: string;
  readonly transient: boolean;
}

/** Turns what the SDK threw into a sentence with a remedy. `sentence` says what failed, without a full stop. */
export function explainS3Error(error: unknown, sentence: string, bucket: string): StoreError {
  const facts = factsOf(error);
  const { text, transient } = explain(facts, bucket);
  return new StoreError(`${sentence}: ${text}`, { cause: error, transient });
}

interface Facts {
  /** S3's code (`NoSuchBucket`), or the system's (`ECONNREFUSED`). */
  readonly code: string;
  readonly status: number | undefined;
  readonly message: string;
}

function explain({ code, status, message }: Facts, bucket: string): Explanation {
  switch (code) {
    case "NoSuchBucket":
      return {
        text: `there is no bucket ${bucket}; create it, or correct "bucket" and "region".`,
        transient: false,
      };
    case "AccessDenied":
    case "AllAccessDisabled":
    case "AccountProblem":
      return {
        text: `access is denied (${code}); grant s3:ListBucket on the bucket and s3:GetObject, s3:PutObject and s3:DeleteObject on its objects.`,
        transient: false,
      };
    case "InvalidAccessKeyId":
    case "SignatureDoesNotMatch":
    case "ExpiredToken":
    case "InvalidToken":
      return {
        text: `the credentials are not accepted (${code}); check accessKeyId, secretAccessKey and the clock.`,
        transient: false,
      };
    case "CredentialsProviderError":
      return {
        text: 'there are no AWS credentials; set "accessKeyId" and "secretAccessKey", or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
        transient: false,
      };
    case "PermanentRedirect":
    case "AuthorizationHeaderMalformed":
    case "IllegalLocationConstraintException":
      return {
        text: `the bucket is in another region (${code}); set "region" to the bucket's own.`,
        transient: false,
      };
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return {
        text: `the host's name cannot be resolved (${code}); check "endpoint", and set "pathStyle" if the server does not serve buckets as host names.`,
        transient: true,
      };
    case "ECONNREFUSED":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return {
        text: `nothing answers there (${code}); check "endpoint" and that the server is running.`,
        transient: true,
      };
    case "TimeoutError":
    case "ETIMEDOUT":
    case "AbortError":
      return { text: "it did not answer in time; check the network and the server.", transient: true };
    case "EPROTO":
    case "ERR_SSL_WRONG_VERSION_NUMBER":
      return {
        text: `the endpoint does not speak TLS (${code}); write http:// instead of https://, or correct the port.`,
        transient: false,
      };
    default:
      return explainStatus({ code, status, message });
  }
}

function explainStatus({ code, status, message }: Facts): Explanation {
  if (status === 301 || status === 307)
    return { text: 'the bucket is in another region; set "region" to the bucket\'s own.', transient: false };
  if (status === 403)
    return {
      text: "access is denied (403); check the credentials and the bucket's policy.",
      transient: false,
    };
  if (status !== undefined && (status >= 500 || status === 429 || status === 408)) {
    return { text: `the server failed (${status} ${code}); this is tried again.`, transient: true };
  }
  if (
    status !== undefined &&
    (status === 404 || status === 405 || code === "SyntaxError" || message.includes("Deserialization"))
  ) {
    return {
      text: `the answer is not S3's (${status}); check "endpoint": it may be another service, or need "pathStyle".`,
      transient: false,
    };
  }
  return { text: `${code === "" || code === "Error" ? "" : `${code}: `}${message}`, transient: true };
}

function factsOf(error: unknown): Facts {
  if (!(error instanceof Error)) return { code: "", status: undefined, message: String(error) };
  const system = systemCode(error);
  return { code: system ?? error.name, status: httpStatus(error), message: error.message };
}

/** `code` of the error, or of the one inside an AggregateError: Node tries several addresses of one host. */
function systemCode(error: Error): string | undefined {
  if ("code" in error && typeof error.code === "string") return error.code;
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause;
  return inner instanceof Error ? systemCode(inner) : undefined;
}

function httpStatus(error: Error): number | undefined {
  if (!("$metadata" in error) || typeof error.$metadata !== "object" || error.$metadata === null)
    return undefined;
  const { $metadata } = error;
  return "httpStatusCode" in $metadata && typeof $metadata.httpStatusCode === "number"
    ? $metadata.httpStatusCode
    : undefined;
}
