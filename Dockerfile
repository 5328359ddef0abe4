# One image for every process: `pgsteward api`, `worker`, `host`, `codec`, `dev` … (docs/containers.md). Both bases are build
# arguments: mirrors, or images that scripts/local-images.sh makes where no registry answers. Needs no BuildKit.
ARG NODE_IMAGE=node:22-bookworm-slim
ARG TEMPORAL_IMAGE=temporalio/auto-setup:1.29.1

# Brings the Temporal CLI, whose development server `dev` runs.
FROM ${TEMPORAL_IMAGE} AS temporal

FROM ${NODE_IMAGE} AS build
WORKDIR /app
# Packages in an archive, where the context has one, are for builds that reach no npm registry.
COPY package.json package-lock.json node_modules.ta[r] ./
RUN if [ -e node_modules.tar ]; then tar -xf node_modules.tar && rm node_modules.tar; \
    else npm ci --omit=dev --no-audit --no-fund; fi \
 && cd node_modules/@temporalio/core-bridge/releases \
 && find . -mindepth 1 -maxdepth 1 ! -name "$(uname -m)-unknown-linux-gnu" -exec rm -r {} +
COPY . .
# The second command completes packages whose own steps npm held back: nothing is written below /app later.
RUN rm -f node_modules.tar && node scripts/ship-bundle.ts && node scripts/pgsteward.mjs --help >/dev/null

FROM ${NODE_IMAGE}
# An init that passes signals on and reaps what `dev` leaves, and `ss`, with which hosts see requests under way.
RUN if ! command -v tini >/dev/null || ! command -v ss >/dev/null; then \
      apt-get update && apt-get install -y --no-install-recommends tini iproute2 && rm -rf /var/lib/apt/lists/*; fi \
 && groupadd --gid 10001 pgsteward && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/pgsteward pgsteward \
 # A volume takes this over, and its processes may run as any user.
 && install -d -m 1777 /var/lib/pgsteward \
 && ln -s /app/scripts/pgsteward.mjs /usr/local/bin/pgsteward
COPY --from=temporal /usr/local/bin/temporal /usr/local/bin/temporal
COPY --from=build /app /app
ENV NODE_ENV=production \
    PGSTEWARD_HOME=/var/lib/pgsteward \
    PGSTEWARD_TOKEN_FILE=/var/lib/pgsteward/admin-token
USER 10001:10001
WORKDIR /var/lib/pgsteward
EXPOSE 3000
ENTRYPOINT ["tini", "-s", "--", "pgsteward"]
CMD ["--help"]
