import { type Check, difference } from './check.ts';

interface Receipt {
  absent?: boolean;
  sessions?: { open: number };
  login?: { refused?: boolean };
}

/** Each lease that was given has ended, its login is gone, and what proves it is on record. */
export const checkLeases: Check = async ({ installation, journal }) => {
  const rows = await installation.metadata.query<{ id: string; state: string; role: string; receipt: Receipt | null }>(
    'SELECT id, state, role_name AS role, receipt FROM leases',
  );
  const given = rows.filter(({ state }) => state !== 'refused');
  const unproven = given
    .filter(({ receipt }) => receipt?.absent !== true || (receipt.sessions?.open ?? 0) !== 0)
    .map(({ id, state, receipt }) => `a lease without a proof of its end: ${id}, ${state}: ${JSON.stringify(receipt)}`);
  const there = await installation.target.query<{ name: string }>(
    `SELECT rolname AS name FROM pg_roles WHERE rolname ~ '^lease_'`,
  );
  const counts = await installation.metadata.query<{ what: string }>(
    `SELECT format('%s %s: %s', kind, name, live) AS what FROM lease_counts WHERE live <> 0`,
  );
  return [
    ...difference('lease', { wanted: journal.leases, found: given.map(({ id }) => id) }),
    ...unproven,
    ...there.map(({ name }) => `the login of a lease is still there: ${name}`),
    ...counts.map(({ what }) => `a count of live leases that is not right: ${what}`),
  ];
};
