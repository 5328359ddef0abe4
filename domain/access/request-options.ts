import type { FlavorInstallation } from '../clusters/flavor-groups.ts';
import type { ClusterRoleWish } from '../clusters/role-request.ts';
import type { LeaseRequest } from '../leases/lease.ts';
import type { DocumentFill } from './document-fill.ts';
import type { RoleCondition } from './role-condition.ts';

/** What a request on a server asked for beside its document. */
export interface AccessOptions {
  /** Log in as every role whose password is set. */
  proveLogin?: boolean;
  /** Whoever asked is no administrator there: the plan is judged by that. */
  withoutAdminRole?: boolean;
  /** What must be so of the role that the request is about; where it is not, nothing is done. */
  condition?: RoleCondition;
  /** The same request of several callers that wait together is carried out once, and all have what came of it (R8). */
  shared?: true;
  /** Parts of the document that depend on what is there when it is carried out. */
  fill?: DocumentFill;
  /** What the audit log calls the request, and what it is about; unless given, `server.change_role` of the server. */
  audit?: { action: string; resource: string };
  /** What is put on record of the role that the request makes. */
  record?: UserRecord;
  /** What is put on record of the role that the request is about: it is kept from logging in, or no longer. */
  disabled?: boolean;
  /** The role of a cluster that the request is about; what of the document counts depends on what is there. */
  clusterRole?: ClusterRoleWish;
  /** What roles of a cluster have their flavors from, made beside the document: by statements of our own. */
  flavors?: FlavorStatements;
  /** The lease whose login the request makes or prolongs: by statements of its own. */
  lease?: LeaseRequest;
  /** Rotation that the request is a run of: the password that it sets is the rotation's current one. */
  rotation?: string;
  /** Ends the sessions of the role that the request is about, once it is committed. */
  endSessions?: true;
  /**
   * The request is given up when the server has not answered for this long, in milliseconds: its caller is told, and nothing
   * happens later. Left out: it is tried again until the task's bound.
   */
  patienceMs?: number;
  /**
   * It brings back what was, in the name of the installation: roles of every owner are meant unless it is
   * `withoutAdminRole`, and passwords are those on record, so that they have no new version.
   */
  repairs?: true;
}

/** A user of an environment. */
export interface UserRecord {
  environment: string;
  kind: string;
}

/** The group roles of flavors, or what they need in the database of the request. */
export type FlavorStatements =
  | { groups: { predefined: boolean } }
  | { database: { install: FlavorInstallation; connect: boolean } };
