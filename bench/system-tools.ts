/** Programs that Weir is measured beside. They are found on the PATH or, as root on Debian and its kin, installed by apt. */
import { systemBinary } from "../test/servers/system-binary.ts";

export const psqlBinary = () => systemBinary("psql", "postgresql-client", "A benchmark needs");
export const redisBenchmarkBinary = () => systemBinary("redis-benchmark", "redis-tools", "A benchmark needs");
export const natsServerBinary = () => systemBinary("nats-server", "nats-server", "A benchmark needs");
