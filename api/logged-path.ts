/** Paths whose last part is a credential. */
const SECRET_PATHS = /^(\/api\/v1\/handover\/).+$/;

/** The path of a request, as logs may have it. */
export function loggedPath(path: string): string {
  return path.replace(SECRET_PATHS, '$1…');
}
