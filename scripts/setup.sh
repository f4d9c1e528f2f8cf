# Sourced by the entry points beside it: a Node.js that is new enough, packages as the lock file has them, compiled programs.
# shellcheck shell=bash

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

say() { printf '%s\n' "$*" >&2; }

# Prints what the script says about itself at its beginning, for whoever asks for help.
help_of() {
  case " $* " in
    *' --help '* | *' -h '*)
      sed -n '2,/^[^#]/s/^# \{0,1\}//p' "scripts/$(basename "$0")"
      exit 0
      ;;
  esac
}

require_node() {
  local wanted='Runnel needs Node.js 20.19 or later (with npm); see https://nodejs.org'
  if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    say "node or npm was not found on the PATH. $wanted"
    exit 1
  fi
  if ! node -e 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)'; then
    say "$(command -v node) is Node.js $(node --version). $wanted"
    exit 1
  fi
}

# Nothing is done where node_modules already holds what the lock file asks for on this platform.
install_packages() {
  local stamp=node_modules/.installed platform log
  platform=$(node -p 'process.platform + " " + process.arch')
  if [ -f "$stamp" ] && { echo "$platform"; cat package-lock.json; } | cmp -s - "$stamp"; then return; fi
  say 'Installing packages with npm ci (some 200 MB; most of a minute at the first time) …'
  log=$(mktemp)
  if ! npm ci --loglevel=error --no-audit --no-fund </dev/null >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    say 'The packages could not be installed: see above. Is the npm registry reachable (npm ping)?'
    exit 1
  fi
  rm -f "$log"
  { echo "$platform"; cat package-lock.json; } >"$stamp"
}

# Compiles what has changed since the last time.
build() {
  if [ -f dist/.built ] && [ -z "$(find package.json tsconfig*.json vite.config.ts protocols machines scripts src -newer dist/.built -print -quit)" ]; then return; fi
  say 'Compiling …'
  npm run --silent build && touch dist/.built
}
