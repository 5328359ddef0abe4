#!/usr/bin/env bash
# Makes the images that docker-compose.yml needs on this machine, where no image registry answers: a Debian base, PostgreSQL from
# Debian, Node.js from npm, Temporal and its UI with Go, and pgsteward itself. Needs root, debootstrap, npm, Go and an engine.
# What is there already is kept. Prints the variables of the composition that name the images; progress goes to standard error:
#   scripts/local-images.sh >>.env
# Nothing of how this machine reaches its registries gets into an image: packages are fetched out here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly cli_module=github.com/temporalio/cli cli_version=v1.5.1
readonly node_version=22.23.3
readonly prefix=${LOCAL_IMAGE_PREFIX:-pgsteward-local}
cache=${LOCAL_IMAGE_CACHE:-$HOME/.cache/pgsteward-images}
# The programs that are built here run on the same C library as out here.
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
readonly cache suite
mkdir -p "$cache"
# One at a time: two would make the same.
exec 9>"$cache/lock"
flock 9
work=$(mktemp -d "$cache/work.XXXXXX")
trap 'rm -rf "$work"' EXIT

say() { echo "local images: $*" >&2; }

# Runs a command whose output only matters when it fails.
quietly() {
  "$@" >"$work/log" 2>&1 || { tail -n 40 "$work/log" >&2; say "failed: $1"; return 1; }
}

is_there() { docker image inspect "$1" >/dev/null 2>&1; }

# An address of the archive that apt on this machine uses for the suite.
debian_mirror() {
  apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk -v suite="$suite" '$2 == suite && $3 == "main" { print $1; exit }'
}

# Imports a root directory as an image, without caches and without the addresses of mirrors.
import_root() {
  local root=$1 image=$2
  rm -f "$root/etc/apt/sources.list"
  tar -C "$root" --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' --exclude='./var/log/*' \
    --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' -cf - . |
    docker import - "$image" >/dev/null
}

make_debian() {
  local root=$work/root mirror
  mirror=$(debian_mirror)
  say "Debian $suite"
  quietly debootstrap --variant=minbase --include=ca-certificates,iproute2,libnss-wrapper,tini,wget \
    "$suite" "$root" "${mirror:?apt has no archive of $suite: run apt-get update}"
  import_root "$root" "$prefix/debian"
}

make_postgres() {
  local root=$work/root
  [ -d "$root" ] || make_debian
  say 'PostgreSQL'
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod +x "$root/usr/sbin/policy-rc.d"
  mkdir -p "$root/etc/postgresql-common"
  echo 'create_main_cluster = false' >"$root/etc/postgresql-common/createcluster.conf"
  echo "deb $(debian_mirror) $suite main" >"$root/etc/apt/sources.list"
  quietly chroot "$root" sh -c \
    'export DEBIAN_FRONTEND=noninteractive; apt-get update && apt-get install -y --no-install-recommends postgresql'
  import_root "$root" "$prefix/postgres-files"
  local major
  major=$(basename "$(echo "$root"/usr/lib/postgresql/*)")
  mkdir "$work/postgres"
  cp ops/local-images/postgres-entrypoint.sh "$work/postgres/docker-entrypoint.sh"
  build "$work/postgres" "$prefix/postgres" <<EOF
FROM $prefix/postgres-files
COPY docker-entrypoint.sh /usr/local/bin/
RUN install -d -m 1777 /var/lib/postgresql /var/run/postgresql
ENV PATH=/usr/lib/postgresql/$major/bin:/usr/local/bin:/usr/bin:/bin PGDATA=/var/lib/postgresql/$major/docker LANG=C.UTF-8
USER postgres
STOPSIGNAL SIGINT
ENTRYPOINT ["docker-entrypoint.sh"]
# Reached by its published address and by those of its network, as the official image is.
CMD ["postgres", "-c", "listen_addresses=*"]
EOF
}

# The Dockerfile comes on standard input.
build() {
  local context=$1 image=$2
  cat >"$context/Dockerfile"
  quietly docker build --tag "$image" "$context"
}

make_node() {
  local package
  package=node-linux-$(node -p process.arch)@$node_version
  say "Node.js $node_version"
  mkdir "$work/node"
  (cd "$work/node" && npm pack --silent "$package" >/dev/null && tar -xzf ./*.tgz package/bin/node && mv package/bin/node . && rm -r package ./*.tgz)
  build "$work/node" "$prefix/node" <<EOF
FROM $prefix/debian
COPY node /usr/local/bin/
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
CMD ["node"]
EOF
}

# Built within the module of the Temporal CLI, whose requirements name the same server and UI: what compiled the CLI compiles these.
build_temporal() {
  local bin=$cache/temporal-cli-$cli_version
  if [ ! -e "$bin/complete" ]; then
    say "Temporal server and UI of the Temporal CLI $cli_version, with Go: this takes minutes, once"
    local source=$work/cli
    cp -r "$(go mod download -json "$cli_module@$cli_version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')" "$source"
    chmod -R u+w "$source"
    mkdir -p "$bin"
    local target
    for target in "temporal ./cmd/temporal" "temporal-server go.temporal.io/server/cmd/server" \
      "temporal-sql-tool go.temporal.io/server/cmd/tools/sql" "ui-server github.com/temporalio/ui-server/v2/cmd/server"; do
      (cd "$source" && go build -mod=mod -ldflags='-s -w' -o "$bin/${target% *}" "${target#* }")
    done
    (cd "$source" && cp "$(go list -mod=mod -m -f '{{.Dir}}' github.com/temporalio/ui-server/v2)/config/docker.yaml" "$bin/ui.yaml")
    chmod u+w "$bin/ui.yaml"
    touch "$bin/complete"
  fi
  echo "$bin"
}

make_temporal() {
  local bin
  bin=$(build_temporal)
  mkdir "$work/temporal" "$work/ui"
  ln "$bin/temporal" "$bin/temporal-server" "$bin/temporal-sql-tool" "$work/temporal"
  build "$work/temporal" "$prefix/temporal" <<EOF
FROM $prefix/debian
COPY temporal temporal-server temporal-sql-tool /usr/local/bin/
ENV PATH=/usr/local/bin:/usr/bin:/bin
EOF
  ln "$bin/ui-server" "$work/ui"
  cp "$bin/ui.yaml" "$work/ui/docker.yaml"
  build "$work/ui" "$prefix/temporal-ui" <<EOF
FROM $prefix/debian
WORKDIR /home/ui-server
COPY ui-server ./
COPY docker.yaml config/
ENTRYPOINT ["./ui-server", "--env", "docker", "start"]
EOF
}

# Dependencies for production, in an archive that only changes when the lock file does.
pack_dependencies() {
  local archive
  archive=$cache/node_modules-$(cat package.json package-lock.json | sha256sum | cut -c 1-16).tar
  if [ ! -e "$archive" ]; then
    say 'npm packages'
    mkdir "$work/packages"
    cp package.json package-lock.json "$work/packages"
    (cd "$work/packages" && quietly npm ci --omit=dev --no-audit --no-fund)
    tar -C "$work/packages" --owner=0 --group=0 -cf "$work/packages.tar" node_modules
    mv "$work/packages.tar" "$archive"
  fi
  echo "$archive"
}

# The context is what .dockerignore lets through, and the archive. An image of the same sources is kept.
make_pgsteward() {
  local archive parts sources
  mapfile -t parts < <(sed -n 's/^!//p' .dockerignore | grep -v '^node_modules')
  sources=$(find Dockerfile "${parts[@]}" -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1)
  if [ "$(docker image inspect --format '{{ index .Config.Labels "pgsteward.sources" }}' "$prefix/pgsteward" 2>/dev/null)" = "$sources" ]; then
    return 0
  fi
  say 'pgsteward'
  archive=$(pack_dependencies)
  ln "$archive" "$work/node_modules.tar" 2>/dev/null || cp "$archive" "$work/node_modules.tar"
  tar -cf "$work/context.tar" Dockerfile .dockerignore "${parts[@]}" -C "$work" node_modules.tar
  quietly docker build --tag "$prefix/pgsteward" --label "pgsteward.sources=$sources" --build-arg NODE_IMAGE="$prefix/node" \
    --build-arg TEMPORAL_IMAGE="$prefix/temporal" - <"$work/context.tar"
}

# Read as a whole before anything begins: whoever changes this file meanwhile does not change what runs.
main() {
  # `if`, not `||`: in a list a function goes on after a failure.
  if ! is_there "$prefix/debian" || ! is_there "$prefix/postgres"; then make_postgres; fi
  rm -rf "$work/root"
  if ! is_there "$prefix/node"; then make_node; fi
  if ! is_there "$prefix/temporal" || ! is_there "$prefix/temporal-ui"; then make_temporal; fi
  make_pgsteward
  cat <<EOF
PGSTEWARD_IMAGE=$prefix/pgsteward
POSTGRES_IMAGE=$prefix/postgres
TEMPORAL_IMAGE=$prefix/temporal
TEMPORAL_UI_IMAGE=$prefix/temporal-ui
EOF
}
main
