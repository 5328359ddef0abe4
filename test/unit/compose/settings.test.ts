import { expect, test } from 'vitest';
import { settingsFor, usersOf, withMissing } from '../../../worker/compose/settings.ts';

const SETTINGS = settingsFor({ user: { uid: 1000, gid: 100 }, engineGroup: 998, hostData: '/srv/compose/host' });

test('the settings of a composition name its user, the group of the engine and the directory of the host', () => {
  expect(withMissing('', SETTINGS)).toBe(
    'PGSTEWARD_UID=1000\nPGSTEWARD_GID=100\nDOCKER_GID=998\nPGSTEWARD_HOST_DATA=/srv/compose/host\n',
  );
});

test('lines that are there are left as they are, also without a line break at the end', () => {
  const before = '# mine\nDOCKER_GID = 5\nAPI_PORT=80';
  const after = withMissing(before, SETTINGS);
  expect(after.startsWith(`${before}\n`)).toBe(true);
  expect(after.match(/DOCKER_GID/g)).toHaveLength(1);
  expect(withMissing(after, SETTINGS)).toBe(after);
});

test('the user has a name', () => {
  expect(usersOf({ uid: 1000, gid: 100 })).toContain('\npgsteward:x:1000:100:');
});
