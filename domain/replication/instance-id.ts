/** Id of the PostgreSQL instance of a database on one host, as published clients know it. */
export function postgresInstanceId(of: { databaseId: string; nodeName: string; hostHash: string }): string {
  return `${of.databaseId}-${of.nodeName}-${of.hostHash}`;
}
