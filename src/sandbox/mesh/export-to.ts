/** Whether an object of `namespace` is meant for `viewer`. */
export function isVisible(exportTo: readonly string[], namespace: string, viewer: string): boolean {
  if (exportTo.length === 0) return true;
  return exportTo.some((to) => to === '*' || to === viewer || (to === '.' && namespace === viewer));
}
