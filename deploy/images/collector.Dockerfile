# The collector. Build from the repository's root: docker build -f deploy/images/collector.Dockerfile .
ARG BUILD_IMAGE=node:24-bookworm-slim
ARG BASE_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY apps apps
COPY libs libs
COPY scripts scripts
RUN node node_modules/@typescript/native/bin/tsc -p tsconfig.build.json \
  && node scripts/pack.mjs dist
# What runs: the compiled apps, their dependencies and the runtime that the lockfile pins, not the build image's.
RUN npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
  && mkdir -p /app/bin \
  && mv node_modules/node-linux-*/bin/node /app/bin/node \
  && rm -rf node_modules/node-linux-* \
  && mv package.json dist node_modules /app/

FROM ${BASE_IMAGE}
WORKDIR /app
COPY --from=build /app /app
USER 65532:65532
# One arena for all threads: what each keeps of its own for reuse is as much as the program needs.
ENV NODE_ENV=production BINNACLE_DATA=/var/lib/binnacle BINNACLE_LISTEN=0.0.0.0:9371 MALLOC_ARENA_MAX=1
EXPOSE 9371
VOLUME /var/lib/binnacle
ENTRYPOINT ["/app/bin/node", "/app/dist/apps/collector/src/main.js"]
