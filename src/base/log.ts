import { pino } from 'pino';

/** What belongs to a line, beside its message. */
export type LogFields = Readonly<Record<string, unknown>>;

/** A structured log. Messages are constant text; what varies goes into the fields. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log that puts `fields` on every line. */
  child(fields: LogFields): Log;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Names of fields whose values never reach a log, at the first three depths. */
const secretFields = [
  'token',
  'password',
  'authorization',
  'clientKey',
  'client-key-data',
  'privateKey',
  'stringData',
  'secret',
  'kubeconfig',
];

/**
 * A log of JSON lines.
 *
 * @param now wall time in milliseconds (a Clock's)
 * @param write gets one line at a time, newline included; default: standard error
 */
export function jsonLog(
  now: () => number,
  level: LogLevel = 'info',
  write: (line: string) => void = (line) => process.stderr.write(line),
): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: secretFields.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`]),
        censor: '[redacted]',
      },
      serializers: { error: pino.stdSerializers.err },
    },
    { write },
  );
  return fromPino(logger);
}

function fromPino(logger: pino.Logger): Log {
  return {
    debug: (message, fields = {}) => logger.debug(fields, message),
    info: (message, fields = {}) => logger.info(fields, message),
    warn: (message, fields = {}) => logger.warn(fields, message),
    error: (message, fields = {}) => logger.error(fields, message),
    child: (fields) => fromPino(logger.child(fields)),
  };
}

/** A log that goes nowhere. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};
