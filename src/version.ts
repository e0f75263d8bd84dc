/** linnet's own version, that of package.json; towards tools it is BIRD's (cli/flags.ts). */
export const VERSION = "0.1.0";
