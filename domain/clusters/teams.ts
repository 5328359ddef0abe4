/** What a member may do with the clusters of a team. Apart from roles of accounts, and implied by none of them. */
export const TEAM_ROLES = ['admin', 'manager', 'member'] as const;
export type TeamRole = (typeof TEAM_ROLES)[number];

/**
 * Names of teams and clusters: 5 to 50 characters that published clients take for a name on their command line
 * (`API_NAME_PATTERN` of https://github.com/CrunchyData/bridge-cli).
 */
export const NAME_PATTERN = /^\p{L}[\p{L}\p{N}/\-_ ']{3,48}[\p{L}\p{N}]$/u;
export const NAME_RULE =
  "must be 5 to 50 letters, digits, spaces or any of / - _ ', beginning with a letter and ending with a letter or digit";
