/** Completion as scripts that need nothing when they run: a process for each Tab would take too long. */
import type { Place } from './model.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** The script of a shell. */
export const COMPLETION_SCRIPTS: Readonly<Record<Shell, (program: string, places: readonly Place[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/** In single quotes, as all three shells read them. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

const pathsBelow = (places: readonly Place[]) => places.map(({ path }) => path).filter((path) => path !== '');
const wordsOf = ({ commands, options }: Place) => [
  ...commands.map(({ name }) => name),
  ...options.flatMap(({ flags }) => flags),
];
const flagsWith = (places: readonly Place[], value: 'file' | 'text') => [
  ...new Set(
    places.flatMap(({ options }) => options.filter((option) => option.value === value).flatMap(({ flags }) => flags)),
  ),
];

/** The words between the program and the cursor. */
const WORDS_BEFORE = {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell fills it in
  bash: '"${COMP_WORDS[@]:1:COMP_CWORD-1}"',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell fills it in
  zsh: '"${(@)words[2,CURRENT-1]}"',
} as const;

/** Shell code that follows the words before the cursor down the tree; bash and zsh have it in common. */
function followWords(places: readonly Place[], words: string): string {
  return `  for word in ${words}; do
    case "\${place:+$place }$word" in
      ${pathsBelow(places)
        .map((path) => `"${path}"`)
        .join('|')}) place="\${place:+$place }$word" ;;
    esac
  done`;
}

function bashScript(program: string, places: readonly Place[]): string {
  const cases = places.map((place) => `    "${place.path}") words=${quoted(wordsOf(place).join(' '))} ;;`);
  return `# bash completion of ${program}: source <(${program} completion bash)
_${program}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" place="" word words
  COMPREPLY=()
  case "$before" in
    ${flagsWith(places, 'file').join('|')}) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    ${flagsWith(places, 'text').join('|')}) return ;;
  esac
${followWords(places, WORDS_BEFORE.bash)}
  case "$place" in
${cases.join('\n')}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o filenames -F _${program} ${program}
`;
}

function zshScript(program: string, places: readonly Place[]): string {
  const described = (name: string, description: string) => quoted(`${name.replaceAll(':', '\\:')}:${description}`);
  const cases = places.map(({ path, commands, options }) => {
    const entries = [
      ...commands.map(({ name, description }) => described(name, description)),
      ...options.flatMap(({ flags, description }) => flags.map((flag) => described(flag, description))),
    ];
    return `    "${path}") entries=(${entries.join(' ')}) ;;`;
  });
  return `#compdef ${program}
# zsh completion of ${program}: source <(${program} completion zsh)
_${program}() {
  local place="" word before="\${words[CURRENT-1]}"
  local -a entries
  case "$before" in
    ${flagsWith(places, 'file').join('|')}) _files; return ;;
    ${flagsWith(places, 'text').join('|')}) return ;;
  esac
${followWords(places, WORDS_BEFORE.zsh)}
  case "$place" in
${cases.join('\n')}
  esac
  _describe ${quoted(program)} entries
}
compdef _${program} ${program}
`;
}

function fishScript(program: string, places: readonly Place[]): string {
  const lines = places.flatMap(({ path, commands, options }) => {
    const here = `complete -c ${program} -n ${quoted(`__${program}_at ${quoted(path)}`)}`;
    return [
      ...commands.map(({ name, description }) => `${here} -f -a ${quoted(name)} -d ${quoted(description)}`),
      ...options.map(({ flags, description, value }) => {
        const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
        const takes = { none: '-f', file: '-r -F', text: '-x' }[value];
        return `${here} ${names.join(' ')} ${takes} -d ${quoted(description)}`;
      }),
    ];
  });
  return `# fish completion of ${program}: ${program} completion fish | source
function __${program}_at
  set -l place
  for word in (commandline -opc)[2..-1]
    if contains -- (string join ' ' -- $place $word) ${pathsBelow(places).map(quoted).join(' ')}
      set -a place $word
    end
  end
  set -l joined (string join ' ' -- $place)
  test "$joined" = "$argv[1]"
end
complete -c ${program} -f
${lines.join('\n')}
`;
}
