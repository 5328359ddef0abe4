/**
 * The only places where text becomes part of an SQL statement. DDL takes no bind parameters, so names and literals of
 * roles, databases and settings pass through here; everything that can be a parameter is one.
 */

/**
 * A double-quoted identifier, with inner quotes doubled.
 * @throws Error for NUL, for the empty name and for names the server would silently cut (more than 63 bytes).
 */
export function quoteIdentifier(name: string): string {
  if (name.length === 0) throw new Error('an SQL identifier cannot be empty');
  if (name.includes('\0')) throw new Error('an SQL identifier cannot contain NUL');
  // No character of a JavaScript string takes more than three bytes, and most names are short.
  if (name.length > 21 && new TextEncoder().encode(name).length > 63)
    throw new Error('an SQL identifier cannot exceed 63 bytes');
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * A string literal that means the same whatever `standard_conforming_strings` says: backslashes make it an escape string.
 * @throws Error for NUL, which no PostgreSQL text can hold.
 */
export function quoteLiteral(value: string): string {
  if (value.includes('\0')) throw new Error('an SQL literal cannot contain NUL');
  const quoted = value.replaceAll("'", "''");
  return quoted.includes('\\') ? ` E'${quoted.replaceAll('\\', '\\\\')}'` : `'${quoted}'`;
}

/** A comma-separated list of quoted identifiers. */
export function quoteIdentifiers(names: readonly string[]): string {
  return names.map(quoteIdentifier).join(', ');
}
