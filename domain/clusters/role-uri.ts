/** The connection string of a role. A password of letters and digits stands in it as it is; one that was adopted may need quoting. */
export function roleUri(of: { role: string; password: string; host: string; port: number; database: string }): string {
  const host = of.host.includes(':') ? `[${of.host}]` : of.host;
  return `postgres://${encodeURIComponent(of.role)}:${encodeURIComponent(of.password)}@${host}:${of.port}/${encodeURIComponent(of.database)}`;
}
