/** Resolves when somebody asks this process to end: Ctrl-C, or a supervisor. */
export function interruption(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}
