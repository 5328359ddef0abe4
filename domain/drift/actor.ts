/** Who the audit log names where the installation itself acts on drift. */
export const DRIFT_ACTOR = 'pgsteward:drift-guard';
