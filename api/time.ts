/** RFC 3339 with whole seconds, as every timestamp of the contract. */
export function timestamp(time: Date | string): string {
  return `${new Date(time).toISOString().slice(0, -'.000Z'.length)}Z`;
}
