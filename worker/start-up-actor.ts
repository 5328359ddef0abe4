/** Who the audit log has for what a start does: whoever starts this process may administer what it serves. */
export const START_UP = { account: 'start-up' };
