/** Why a container cannot be started or a volume cannot be filled as things are; another event may change that. */
export class ConfigError extends Error {}
