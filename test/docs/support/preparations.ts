/**
 * What a page takes for granted, beside a running `npm start`: pages of reference speak of databases and roles that their readers have.
 * Commands of a shell whose variables the page finds.
 */
export const PREPARATIONS: Readonly<Record<string, string>> = {};
