/** Text is read at once: 20,000 entries with long names and notes fit. */
export const MAX_TEXT_BYTES = 8 * 1024 * 1024;
/** Files of SQLite carry an audit log, and free pages. */
export const MAX_IMPORT_BYTES = 64 * 1024 * 1024;
