// SPDX-License-Identifier: Apache-2.0
import { Argument, Command, type Option } from "commander";
import { print } from "./output.js";

/** One command as completion sees it. */
interface Node {
  /** Words after `sockmesh`, e.g. `policy validate`; empty for the root. */
  readonly path: string;
  readonly about: string;
  readonly children: readonly Node[];
  readonly options: readonly Option[];
}

const SHELLS = { bash, zsh, fish } as const;
type Shell = keyof typeof SHELLS;

/**
 * `sockmesh completion SHELL`: prints a script that completes commands and options, made from the commands themselves.
 * @param root gives the whole program, which is not built yet when this command is
 */
export function completionCommand(root: () => Command): Command {
  return new Command("completion")
    .description("print a script that completes sockmesh in a shell")
    .addArgument(new Argument("<shell>", "which shell").choices(Object.keys(SHELLS)))
    .addHelpText(
      "after",
      `
Examples:
  source <(sockmesh completion bash)
  sockmesh completion zsh > "\${fpath[1]}/_sockmesh"
  sockmesh completion fish > ~/.config/fish/completions/sockmesh.fish`,
    )
    .action((shell: Shell) => print(completionScript(shell, root())));
}

/** The completion script of a whole program. */
export function completionScript(shell: Shell, root: Command): string {
  return SHELLS[shell](flatten(describe(root, "")));
}

function describe(command: Command, path: string): Node {
  return {
    path,
    about: command.description(),
    options: command.options.filter((option) => !option.hidden),
    children: command.commands.map((child) =>
      describe(child as Command, path ? `${path} ${child.name()}` : child.name()),
    ),
  };
}

function flatten(node: Node): Node[] {
  return [node, ...node.children.flatMap(flatten)];
}

function last(path: string): string {
  return path.slice(path.lastIndexOf(" ") + 1);
}

function words(node: Node): string[] {
  return [
    ...node.children.map((child) => last(child.path)),
    ...node.options.flatMap((option) => (option.long ? [option.long] : [])),
    "--help",
  ];
}

function bash(nodes: readonly Node[]): string {
  const cases = nodes.map((node) => `    "${node.path}") words="${words(node).join(" ")}" ;;`);
  const paths = nodes.map((node) => `"${node.path}"`).join(" | ");
  return `# bash completion of sockmesh
_sockmesh() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" next word words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -- ]] && break
    next="\${path:+$path }$word"
    case "$next" in
      ${paths}) path="$next" ;;
    esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _sockmesh sockmesh`;
}

function zsh(nodes: readonly Node[]): string {
  return `#compdef sockmesh
autoload -U +X bashcompinit && bashcompinit
${bash(nodes)}`;
}

function fish(nodes: readonly Node[]): string {
  const lines = ["# fish completion of sockmesh", "complete -c sockmesh -f"];
  for (const node of nodes) {
    const names = node.path.split(" ").filter(Boolean);
    const seen = names.map((name) => `__fish_seen_subcommand_from ${name}`);
    const within = seen.length > 0 ? seen.join("; and ") : "__fish_use_subcommand";
    const add = (what: string, about: string): void =>
      void lines.push(`complete -c sockmesh -n ${quote(within)} ${what} -d ${quote(about)}`);
    for (const child of node.children) add(`-a ${last(child.path)}`, child.about);
    for (const option of node.options)
      if (option.long) add(`-l ${option.long.slice(2)}${option.required ? " -r" : ""}`, option.description);
  }
  // A command's own arguments are files and programs.
  lines.push(
    "complete -c sockmesh -n '__fish_seen_subcommand_from validate explain test lint diff exec run' -F",
  );
  return lines.join("\n");
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
