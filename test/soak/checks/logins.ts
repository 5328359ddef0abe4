import { toldIn, tryLogin } from '../traffic/rotations.ts';
import type { Check } from './check.ts';

/** Whoever was given a password last logs in with it. */
export const checkLogins: Check = async ({ installation, journal, rotated }) => {
  const complaints: string[] = [];
  for (const login of journal.logins.values()) {
    const end = await tryLogin({ installation }, login);
    if (end !== 'ok') complaints.push(`the password of ${login.user} does not log in to ${login.database}: ${end}`);
  }
  for (const rotation of rotated) {
    const login = await toldIn(rotation);
    const end = login === undefined ? 'there is no file' : await tryLogin({ installation }, login);
    if (end !== 'ok')
      complaints.push(`the file of the rotation of ${rotation.role} has no password that logs in: ${end}`);
  }
  return complaints;
};
