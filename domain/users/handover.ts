/** Longest time that a link to a password may wait to be opened, in hours: a week. */
export const MAX_HANDOVER_HOURS = 168;
