/** Owner of a file or process, by number. */
interface User {
  uid: number;
  gid: number;
}

/** `USER` of the Dockerfile. */
export const IMAGE_USER: User = { uid: 10001, gid: 10001 };

/** Variables of docker-compose.yml that depend on the machine. */
export function settingsFor(of: { user: User; engineGroup: number; hostData: string }): Record<string, string> {
  return {
    PGSTEWARD_UID: String(of.user.uid),
    PGSTEWARD_GID: String(of.user.gid),
    DOCKER_GID: String(of.engineGroup),
    PGSTEWARD_HOST_DATA: of.hostData,
  };
}

/** A `.env` file with those of the settings that it lacks; lines that are there are left as they are. */
export function withMissing(text: string, settings: Readonly<Record<string, string>>): string {
  const known = new Set(text.split('\n').map((line) => line.split('=', 1)[0]?.trim()));
  const lines = Object.entries(settings).flatMap(([name, value]) => (known.has(name) ? [] : [`${name}=${value}\n`]));
  const whole = text === '' || text.endsWith('\n') ? text : `${text}\n`;
  return whole + lines.join('');
}

/** An /etc/passwd with that user: Temporal's server does not start as a user without a name. */
export function usersOf({ uid, gid }: User): string {
  return `root:x:0:0:root:/root:/sbin/nologin\npgsteward:x:${uid}:${gid}:pgsteward:/tmp:/sbin/nologin\n`;
}
