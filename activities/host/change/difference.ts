import { isProvenBy, reloadPlan } from '../../../domain/postgrest/changes.ts';
import { SERVICE_FILES } from '../../../domain/postgrest/conf.ts';
import { requireVersion } from '../../../domain/postgrest/versions.ts';
import type { ServiceBundle } from '../../../domain/services.ts';
import type { ServiceLaunch } from '../../../platform/runtime/service-runtime.ts';
import { filesOf } from '../bundle-for-host.ts';
import type { HostContext } from '../context.ts';
import { readServiceDirectory } from '../service-directory.ts';

/** What sets the files of a bundle apart from those that a unit runs with. */
export interface FileDifference {
  /** Whether a running process can take all of it over. */
  canReload: boolean;
  /** Whether the running process proves already that PostgREST starts with these files and logs in. */
  isProven: boolean;
  /** Whether it would prove it but for the password, which the control plane has proven. */
  isProvenWithLogin: boolean;
}

/** Nothing is known of what runs: everything is checked, and a new unit is made. */
const UNKNOWN: FileDifference = { canReload: false, isProven: false, isProvenWithLogin: false };

/** Compares the files that `previous` runs with and those that the bundle leads to, the unit's own names left aside. */
export async function differenceOf(
  context: HostContext,
  bundle: ServiceBundle,
  previous: ServiceLaunch,
): Promise<FileDifference> {
  const [files, state] = await Promise.all([
    readServiceDirectory(previous.directory).catch(() => undefined),
    context.runtime.inspect(previous.unit),
  ]);
  if (files === undefined) return UNKNOWN;
  const later = filesOf(context, bundle, previous);
  const [before, after] = [files, later].map((each) => each.get(SERVICE_FILES.conf) ?? '') as [string, string];
  const differs = (name: string) => files.get(name) !== later.get(name);
  const secrets = {
    passwordChanged: differs(SERVICE_FILES.passfile) || differs(SERVICE_FILES.login),
    jwtSecretChanged: differs(SERVICE_FILES.jwtSecret),
    rootCertificateChanged: differs(SERVICE_FILES.rootCertificate),
  };
  const isSameProgram = previous.version === bundle.version && previous.image === bundle.image;
  const sameBut = (changes: object) =>
    isSameProgram && !Object.values(changes).includes(true) && isProvenBy(before, after);
  const { passwordChanged: _, ...others } = secrets;
  return {
    canReload: reloadPlan(before, after, requireVersion(bundle.version), secrets).action !== 'replace',
    isProven: state?.running === true && sameBut(secrets),
    isProvenWithLogin: sameBut(others) && !differs(SERVICE_FILES.login),
  };
}
